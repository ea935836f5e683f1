/** The main file's `frr:` block. */

import {resolve} from 'node:path';
import {type FrrConfig, frrDefaults} from './frr.js';
import {key, Section} from './section.js';
import type {Value} from './value.js';
import {asNumber, flag, text} from './values.js';

const frrKeys = {
  vtysh: key(text),
  local_as: key(asNumber),
  only_configured: key(flag),
  vty_sockets: key(text),
};

/** Paths are relative to `folder`. */
export function readFrr(value: Value, folder: string): FrrConfig {
  const section = new Section(value, frrKeys, {later: ['vrf'], isUsefulEmpty: true});
  const sockets = section.get('vty_sockets');
  return {
    vtysh: resolve(folder, section.get('vtysh') ?? frrDefaults.vtysh),
    localAs: section.get('local_as') ?? frrDefaults.localAs,
    onlyConfigured: section.get('only_configured') ?? frrDefaults.onlyConfigured,
    ...(sockets !== undefined && {vtySockets: resolve(folder, sockets)}),
  };
}

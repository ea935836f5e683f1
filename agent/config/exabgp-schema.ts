/** The main file's `exabgp:` block. */

import type {ExabgpConfig} from './exabgp.js';
import {key, Section} from './section.js';
import type {Value} from './value.js';
import {asNumber} from './values.js';

export function readExabgp(value: Value): ExabgpConfig {
  const section = new Section(value, {local_as: key(asNumber)}, {isUsefulEmpty: true});
  return {localAs: section.get('local_as') ?? null};
}

/** The main file's `exabgp:` block. */

import type {ExabgpConfig} from './exabgp.js';
import {key, Section} from './section.js';
import type {Value} from './value.js';
import {addressOfFamily, asNumber} from './values.js';

const exabgpKeys = {local_as: key(asNumber), local_address6: key(addressOfFamily('ipv6'))};

export function readExabgp(value: Value): ExabgpConfig {
  const section = new Section(value, exabgpKeys, {isUsefulEmpty: true});
  return {localAs: section.get('local_as') ?? null, localAddress6: section.get('local_address6') ?? null};
}

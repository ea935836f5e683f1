import {familyOf, lengthOf} from '../lib/prefix.js';
import {key, Section} from './section.js';
import type {AllowEntry} from './types.js';
import type {Value} from './value.js';
import {network, whole} from './values.js';

const entryKeys = {prefix: key(network), ge: key(whole(0, 128)), le: key(whole(0, 128))};

/** `allow:` as a list of networks, each alone or with `ge` and `le`. */
export function readAllow(value: Value): readonly AllowEntry[] {
  const entries = value.isList ? value.items() : [value];
  if (entries.length === 0) {
    value.error('is empty, so nothing could be announced: leave it out to allow host routes');
  }
  return entries.map(readEntry).filter((entry) => entry !== undefined);
}

function readEntry(value: Value): AllowEntry | undefined {
  if (!value.isMapping) {
    const prefix = value.read(network);
    return prefix && {prefix, ge: lengthOf(prefix), le: longest(prefix)};
  }
  const section = new Section(value, entryKeys);
  section.require('prefix', 'write the network that may be announced');
  const prefix = section.get('prefix');
  if (prefix === undefined) return undefined;
  const [shortest, host] = [lengthOf(prefix), longest(prefix)];
  const ge = section.get('ge') ?? shortest;
  const le = section.get('le') ?? host;
  if (ge < shortest) section.at('ge').error(`must be at least ${shortest}, the length of ${prefix}`);
  if (le > host) section.at('le').error(`must be at most ${host}`);
  else if (ge > le)
    section.at(section.has('ge') ? 'ge' : 'le').error(`nothing is between ge ${ge} and le ${le}`);
  return {prefix, ge, le};
}

function longest(prefix: AllowEntry['prefix']): number {
  return familyOf(prefix) === 'ipv4' ? 32 : 128;
}

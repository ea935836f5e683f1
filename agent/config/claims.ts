/**
 * Who owns a name, a prefix, an aggregate. Of two that want the same, the one that was there already stays
 * (at a reload), else the earlier in file order; the other is broken.
 */

import type {Prefix, ServiceName} from '../types.js';
import {announcedAs} from './announce-targets.js';
import type {Report} from './report.js';
import type {ReadService} from './service-schema.js';
import type {ServiceConfig} from './types.js';
import type {Value} from './value.js';

/** A service document that asks for what it names. */
export interface Claimant {
  readonly read: ReadService;
  readonly report: Report;
}

interface Owner {
  readonly config: ServiceConfig;
  /** Whether the document has errors of its own, so that it will not run. */
  readonly isBroken: boolean;
}

/**
 * Reports every clash. `kept`: services that stay as they were because their documents are broken now;
 * `running`: what is there already, by name.
 */
export function settleClaims(
  claimants: readonly Claimant[],
  kept: readonly ServiceConfig[],
  running: ReadonlyMap<ServiceName, ServiceConfig>,
): void {
  const names = new Map<ServiceName, Owner>();
  const prefixes = new Map<Prefix, Owner>();
  const aggregates = new Map<Prefix, Owner>();
  const record = (config: ServiceConfig, isBroken = false): void => {
    // One that will not run gives way to one that does.
    const put = <K>(map: Map<K, Owner>, key: K): void => {
      if (map.get(key)?.isBroken ?? true) map.set(key, {config, isBroken});
    };
    put(names, config.name);
    for (const prefix of config.prefixes) put(prefixes, prefix);
    for (const aggregate of aggregatesOf(config)) put(aggregates, aggregate);
  };
  for (const config of kept) record(config);
  const wasThere = ({read: {config}}: Claimant): boolean => running.get(config.name)?.file === config.file;
  const inOrder = [...claimants.filter(wasThere), ...claimants.filter((claimant) => !wasThere(claimant))];
  for (const {read, report} of inOrder) {
    const isBroken = report.isBroken;
    // What a broken document described before claims what it had, above.
    if (isBroken && kept.some(({name, file}) => name === read.name || file === report.file)) continue;
    const {config, name, section} = read;
    if (name !== null) {
      const hint = section.has('name') ? '' : ': give this one a `name`';
      refuse(section.at('name'), names.get(name), (place) => `the name ${name} belongs to ${place}${hint}`);
    }
    for (const {prefix, value} of read.prefixes) {
      const owner = prefixes.get(prefix);
      refuse(value, owner, (place) => (owner ? prefixClash(prefix, owner.config, config, place) : null));
      refuse(value, aggregates.get(prefix), (place) => `${prefix} is an aggregate of ${place}`);
    }
    for (const aggregate of aggregatesOf(config)) {
      refuse(
        section.at('announce'),
        prefixes.get(aggregate),
        (place) => `the aggregate ${aggregate} is a prefix of ${place}`,
      );
    }
    if (name === null) continue;
    const before = running.get(name);
    if (report.isBroken && !isBroken && before?.file === config.file) record(before);
    else record(config, report.isBroken);
  }
}

/** An owner that is broken itself takes nobody down with it: that clash is a warning for when it is mended. */
function refuse(value: Value, owner: Owner | undefined, message: (place: string) => string | null): void {
  if (!owner) return;
  const {name, file, line} = owner.config;
  const text = message(`service ${name} (${file}:${line})`);
  if (text === null) return;
  if (owner.isBroken) value.warning(`${text} (that one is broken at present)`);
  else value.error(text);
}

/** null: both share it, alike. */
function prefixClash(
  prefix: Prefix,
  owner: ServiceConfig,
  other: ServiceConfig,
  place: string,
): string | null {
  if (owner.shared === other.shared) {
    return owner.shared === null
      ? `${prefix} belongs to ${place}: to share it, write the same \`shared: any\` or \`shared: all\` in both`
      : null;
  }
  if (owner.shared === null)
    return `${prefix} belongs to ${place}, which does not share it: write \`shared\` there too`;
  return `${place} shares ${prefix} with \`shared: ${owner.shared}\`: write the same here`;
}

function aggregatesOf(config: ServiceConfig): ReadonlySet<Prefix> {
  const own = new Set(config.prefixes);
  const announced = config.announce.flatMap((block) =>
    config.prefixes.map((prefix) => announcedAs(prefix, block)),
  );
  return new Set(announced.filter((prefix) => prefix !== null && !own.has(prefix)) as Prefix[]);
}

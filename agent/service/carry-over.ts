/** What a reload carries over from the services that run: pure (CONTRACT "Reload"). */

import type {ServiceConfig} from '../config/types.js';
import {contains} from '../lib/prefix.js';
import type {Prefix} from '../types.js';
import {announcedAs, announcedBy, coveredBy, isAnnouncedWhileDraining} from './contribution.js';
import type {PlannedService} from './plan.js';
import {initialServiceState, underConfig} from './state.js';

export interface CarriedOver {
  readonly services: readonly PlannedService[];
  /** Services as they were, with only what they lose: that stays until the new prefixes are in, and while it drains. */
  readonly retiring: readonly PlannedService[];
}

/**
 * The services of a new configuration with the states of the old one, known by name. A service whose configuration is
 * the same keeps its very object, so that nothing downstream sees a change.
 */
export function carryOver(
  before: readonly PlannedService[],
  configs: readonly ServiceConfig[],
  wallMs: number,
): CarriedOver {
  const old = new Map(before.map((service) => [service.config.name, service]));
  const wanted = claims(configs);
  const retiring: PlannedService[] = [];
  const services = configs.map((config): PlannedService => {
    const known = old.get(config.name);
    if (!known) return {config, state: initialServiceState(config, wallMs)};
    if (meaning(known.config) === meaning(config)) return known;
    if (config.enabled && !known.config.enabled) return {config, state: initialServiceState(config, wallMs)};
    const had = claims([known.config]);
    const lost = difference(had, wanted);
    const gained = difference(claims([config]), had);
    const drains = lost.announced.size > 0 && isAnnouncedWhileDraining(config);
    if (drains || (size(lost) > 0 && size(gained) > 0)) {
      retiring.push(onlyFor({...known, config: {...known.config, drain: config.drain}}, lost));
    }
    return {config, state: underConfig(known.state, config, changedChecks(known.config, config))};
  });
  return {services, retiring};
}

/** What services announce (which may be aggregates), and what they put on the interface. */
interface Claims {
  readonly announced: ReadonlySet<Prefix>;
  readonly addresses: ReadonlySet<Prefix>;
}

function claims(configs: readonly ServiceConfig[]): Claims {
  return {
    announced: new Set(configs.flatMap(announcedBy)),
    addresses: new Set(configs.flatMap(({addresses}) => addresses)),
  };
}

function difference(a: Claims, b: Claims): Claims {
  const without = (from: ReadonlySet<Prefix>, others: ReadonlySet<Prefix>): ReadonlySet<Prefix> =>
    new Set([...from].filter((prefix) => !others.has(prefix)));
  return {
    announced: without(a.announced, b.announced),
    addresses: without(a.addresses, b.addresses),
  };
}

function size({announced, addresses}: Claims): number {
  return announced.size + addresses.size;
}

/** The service as far as it gives these. */
function onlyFor({config, state}: PlannedService, {announced, addresses}: Claims): PlannedService {
  const announce = config.announce.flatMap((block) => {
    const prefixes = coveredBy(block, config).filter((prefix) => announced.has(announcedAs(prefix, block)));
    return prefixes.length > 0 ? [{...block, prefixes}] : [];
  });
  const prefixes = new Set(announce.flatMap((block) => block.prefixes));
  const isNeeded = (address: Prefix): boolean =>
    addresses.has(address) || [...prefixes].some((prefix) => contains(prefix, address));
  return {
    config: {...config, announce, prefixes: [...prefixes], addresses: config.addresses.filter(isNeeded)},
    state,
  };
}

function changedChecks(before: ServiceConfig, after: ServiceConfig): ReadonlySet<string> {
  const old = new Map(before.checks.map((check) => [check.name, JSON.stringify(check)]));
  return new Set(
    after.checks.filter((check) => old.get(check.name) !== JSON.stringify(check)).map(({name}) => name),
  );
}

/** A configuration without where it stands. */
function meaning({file: _file, line: _line, ...rest}: ServiceConfig): string {
  return JSON.stringify(rest);
}

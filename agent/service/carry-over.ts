/** What a reload carries over from the services that run: pure (CONTRACT "Reload"). */

import type {ServiceConfig} from '../config/types.js';
import type {PlannedService} from './plan.js';
import {initialServiceState, underConfig} from './state.js';

export interface CarriedOver {
  readonly services: readonly PlannedService[];
  /** Services as they were, with only the prefixes that they lose: these stay until the new ones are in. */
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
  const retiring: PlannedService[] = [];
  const services = configs.map((config): PlannedService => {
    const known = old.get(config.name);
    if (!known) return {config, state: initialServiceState(config, wallMs)};
    if (meaning(known.config) === meaning(config)) return known;
    if (known.config.enabled !== config.enabled) return {config, state: initialServiceState(config, wallMs)};
    const lost = known.config.prefixes.filter((prefix) => !config.prefixes.includes(prefix));
    const gained = config.prefixes.some((prefix) => !known.config.prefixes.includes(prefix));
    if (lost.length > 0 && gained) retiring.push(onlyPrefixes(known, lost));
    return {config, state: underConfig(known.state, config, changedChecks(known.config, config))};
  });
  return {services, retiring};
}

function onlyPrefixes({config, state}: PlannedService, prefixes: ServiceConfig['prefixes']): PlannedService {
  const addresses = config.addresses.filter((address) => prefixes.includes(address));
  return {config: {...config, prefixes, addresses}, state};
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

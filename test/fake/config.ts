import type {AnnounceBlock, CheckConfig, ServiceConfig} from '../../agent/config/types.js';
import {isHost, parsePrefix} from '../../agent/lib/prefix.js';
import {initialServiceState} from '../../agent/service/state.js';
import type {CheckResult, ServiceName, ServiceState, Verdict} from '../../agent/types.js';

/** A check's configuration with the built-in defaults. */
export function checkConfig(keys: Partial<CheckConfig> = {}): CheckConfig {
  return {
    name: 'fake',
    type: 'fake',
    options: {},
    intervalMs: 2000,
    fastIntervalMs: 500,
    schedule: null,
    timeoutMs: 1000,
    rise: 3,
    fall: 2,
    onError: 'fail',
    errorLimitMs: 300_000,
    ...keys,
  };
}

export function announceBlock(keys: Partial<AnnounceBlock> = {}): AnnounceBlock {
  return {
    via: null,
    peers: null,
    nextHop: 'self',
    med: null,
    localPreference: null,
    communities: [],
    asPathPrepend: 0,
    aggregate: null,
    ...keys,
  };
}

/** A service's configuration; prefixes as text, everything else as by default. */
export function serviceConfig(
  name: string,
  prefixes: readonly string[],
  keys: Partial<ServiceConfig> = {},
): ServiceConfig {
  const parsed = prefixes.map(parsePrefix);
  return {
    name: name as ServiceName,
    file: `/etc/eip-health/conf.d/${name}.yaml`,
    line: 1,
    prefixes: parsed,
    addresses: parsed.filter(isHost),
    addressMode: 'when_up',
    kernelRoute: false,
    checks: [checkConfig()],
    require: 'all',
    enabled: true,
    shared: null,
    drain: {forMs: 0, override: {}},
    announce: [announceBlock()],
    whenDegraded: null,
    whenDown: 'withdraw',
    ...keys,
  };
}

export function serviceState(config: ServiceConfig, keys: Partial<ServiceState> = {}): ServiceState {
  const state = {...initialServiceState(config, 0), ...keys};
  return {...state, wasUp: keys.wasUp ?? (state.settled === 'up' || state.settled === 'degraded')};
}

export function result(verdict: Verdict, reason: string = verdict): CheckResult {
  return {verdict, reason, startedAt: 0, durationMs: 1, details: {}, transcript: []};
}

/** How results become states (CONTRACT "Counting"): pure, one result at a time. */

import type {CheckConfig, ServiceConfig} from '../config/types.js';
import type {AdminState, CheckResult, CheckState, Run, ServiceState, Settled} from '../types.js';

export function initialCheckState(name: string): CheckState {
  return {name, settled: 'unknown', run: null, errorSince: null, last: null, missed: 0};
}

export function initialServiceState(config: ServiceConfig, wallMs: number): ServiceState {
  return {
    name: config.name,
    settled: 'unknown',
    admin: config.enabled ? 'enabled' : 'disabled',
    checks: config.checks.map((check) => initialCheckState(check.name)),
    since: wallMs,
    reason: config.enabled ? 'not yet checked' : 'disabled by its configuration',
    wasUp: false,
  };
}

/** The state of a check after one more result; `nowMs` is monotonic. */
export function afterResult(
  state: CheckState,
  config: CheckConfig,
  result: CheckResult,
  missed: number,
  nowMs: number,
): CheckState {
  const errorSince = result.verdict === 'error' ? (state.errorSince ?? nowMs) : null;
  const counted = countedAs(config, result, errorSince === null ? 0 : nowMs - errorSince);
  const seen = {...state, errorSince, last: result, missed};
  if (counted === null) return seen;
  const run = nextRun(state.run, counted);
  return {...seen, run, settled: settle(state.settled, run, config)};
}

/** Whether a change is being counted, so that the next run is due after `fast_interval`. */
export function isCounting(state: CheckState): boolean {
  if (state.settled === 'unknown') return true;
  if (state.run === null) return state.last?.verdict === 'error';
  if (state.settled === 'down') return state.run.of !== 'fail';
  return state.run.of !== (state.settled === 'up' ? 'pass' : 'degraded');
}

/** The service's state from its checks' states; it keeps what it has while the answer is open. */
export function afterChecks(
  state: ServiceState,
  config: ServiceConfig,
  checks: readonly CheckState[],
  wallMs: number,
): ServiceState {
  const combined = combine(checks, config.require);
  const settled = combined === 'unknown' ? state.settled : combined;
  if (settled === state.settled) return {...state, checks};
  return {
    ...state,
    checks,
    settled,
    since: wallMs,
    reason: reasonFor(settled, checks),
    wasUp: state.wasUp || settled === 'up' || settled === 'degraded',
  };
}

/**
 * A service's state under a changed configuration: what was settled stays, and a check that changed has to prove
 * any change anew. A new check is unknown, which leaves the service's answer as it was until it has spoken.
 */
export function underConfig(
  state: ServiceState,
  config: ServiceConfig,
  changed: ReadonlySet<string>,
): ServiceState {
  const before = new Map(state.checks.map((check) => [check.name, check]));
  const checks = config.checks.map(({name}) => {
    const old = before.get(name);
    if (!old) return initialCheckState(name);
    return changed.has(name) ? {...old, run: null, errorSince: null} : old;
  });
  return {...state, checks};
}

/** A service's state under another admin state: checks that were stopped have to prove everything anew. */
export function underAdmin(
  state: ServiceState,
  config: ServiceConfig,
  admin: AdminState,
  reason: string,
  wallMs: number,
): ServiceState {
  if (admin === state.admin) return state;
  if (admin !== 'disabled' && state.admin !== 'disabled') return {...state, admin};
  const fresh = initialServiceState(config, wallMs);
  return {...fresh, admin, reason: admin === 'disabled' ? reason : 'not yet checked'};
}

/**
 * The Nth best of the checks: `all` asks the worst, `any` the best. A check that is unknown could turn out either
 * way; where that would change the answer, the answer is unknown.
 */
export function combine(checks: readonly CheckState[], require: ServiceConfig['require']): Settled {
  const nth = require === 'all' ? checks.length : require === 'any' ? 1 : require;
  const answer = (unknownAs: Settled): Settled =>
    checks
      .map(({settled}) => (settled === 'unknown' ? unknownAs : settled))
      .sort((a, b) => goodness[b] - goodness[a])[nth - 1] ?? 'down';
  const [best, worst] = [answer('up'), answer('down')];
  return best === worst ? best : 'unknown';
}

const goodness: Record<Settled, number> = {up: 3, degraded: 2, down: 1, unknown: 0};

/** What a result counts as; null when it is no evidence. */
function countedAs(config: CheckConfig, {verdict}: CheckResult, erringMs: number): Run['of'] | null {
  if (verdict === 'hold') return null;
  if (verdict !== 'error') return verdict;
  return config.onError === 'fail' || erringMs >= config.errorLimitMs ? 'fail' : null;
}

function nextRun(run: Run | null, of: Run['of']): Run {
  const goesOn = run !== null && (run.of === 'fail') === (of === 'fail');
  return {
    of,
    length: goesOn ? run.length + 1 : 1,
    passes: of === 'pass' ? (run?.passes ?? 0) + 1 : 0,
    degraded: of === 'pass' ? 0 : (run?.degraded ?? 0) + (of === 'degraded' ? 1 : 0),
  };
}

function settle(settled: Settled, run: Run, {rise, fall}: CheckConfig): Settled {
  if (run.of === 'fail') return run.length >= fall ? 'down' : settled;
  if (run.passes >= rise) return 'up';
  if (settled === 'up') return run.degraded >= fall ? 'degraded' : 'up';
  if (settled === 'degraded') return 'degraded';
  // From down or unknown: enough successes, but not all of them passes.
  return run.length >= rise ? 'degraded' : settled;
}

/** `2 failures in a row: connect ECONNREFUSED 127.0.0.1:8080`, of the check that decided. */
function reasonFor(settled: Settled, checks: readonly CheckState[]): string {
  const decisive = checks.find((check) => check.settled === settled) ?? checks[0];
  if (!decisive?.run || !decisive.last) return 'no check has spoken';
  const {run, last} = decisive;
  const count =
    run.of === 'fail'
      ? `${run.length} failure${run.length === 1 ? '' : 's'} in a row`
      : run.of === 'degraded'
        ? `${run.degraded} degraded result${run.degraded === 1 ? '' : 's'}`
        : `${run.length} success${run.length === 1 ? '' : 'es'} in a row`;
  const where = checks.length > 1 ? `check ${decisive.name}: ` : '';
  return `${where}${count}: ${last.reason}`;
}

/** What the ends of a service's checks make of its state: pure. */

import type {AgentEvent, CheckResult, CheckState, ServiceState} from '../types.js';
import type {PlannedService} from './plan.js';
import {afterChecks, afterResult, isCounting} from './state.js';

/** The end of one run of a check. */
export interface CheckEnd {
  readonly check: string;
  readonly result: CheckResult;
  /** Runs of it so far that had to be left out. */
  readonly missed: number;
}

export interface Counted {
  readonly state: ServiceState;
  readonly events: readonly AgentEvent[];
  /** Whether a change is being counted for one of these checks. */
  readonly isCounting: boolean;
}

/** The service after these ends, which count together: what comes of them is looked at once. `nowMs` is monotonic. */
export function countEnds(
  {config, state: before}: PlannedService,
  ends: readonly CheckEnd[],
  nowMs: number,
  wallMs: number,
): Counted {
  const service = config.name;
  const checks = new Map(before.checks.map((state): [string, CheckState] => [state.name, state]));
  const events: AgentEvent[] = [];
  let counting = false;
  for (const {check, missed, result} of ends) {
    const checkConfig = config.checks.find(({name}) => name === check);
    const old = checks.get(check);
    if (!checkConfig || !old) continue;
    const now = afterResult(old, checkConfig, result, missed, nowMs);
    checks.set(check, now);
    counting ||= isCounting(now);
    events.push({kind: 'check-result', service, check, result});
    const {settled: from} = old;
    const {settled: to} = now;
    if (from !== to) events.push({kind: 'check-state', service, check, from, to, reason: result.reason});
  }
  if (events.length === 0) return {state: before, events, isCounting: false};
  const state = afterChecks(before, config, [...checks.values()], wallMs);
  const {settled: from} = before;
  const {settled: to, reason} = state;
  if (from !== to) events.push({kind: 'service-state', service, from, to, reason});
  return {state, events, isCounting: counting};
}

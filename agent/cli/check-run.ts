/** Runs the checks of services once, now, without counting. */

import {createCheck} from '../../checks/index.js';
import type {CheckConfig, ServiceConfig} from '../config/types.js';
import type {CheckEffects} from '../service/check-loop.js';
import type {Slots} from '../service/slots.js';
import type {CheckResult, Verdict} from '../types.js';

export interface CheckOutcome {
  readonly config: CheckConfig;
  readonly title: string;
  readonly result: CheckResult;
}

export interface ServiceOutcome {
  readonly service: ServiceConfig;
  /** What the service's checks come to together, by its `require`. */
  readonly verdict: Verdict;
  readonly checks: readonly CheckOutcome[];
}

/** Never rejects: what goes wrong is a verdict. */
export async function runService(
  service: ServiceConfig,
  effects: CheckEffects,
  slots: Slots,
  signal: AbortSignal,
): Promise<ServiceOutcome> {
  const checks = await Promise.all(
    service.checks.map(async (config): Promise<CheckOutcome> => {
      const check = createCheck(config.type, config.options);
      await new Promise<void>((resolve) => void slots.take(resolve));
      const result = await check.run({...effects, timeoutMs: config.timeoutMs, signal});
      slots.free();
      return {config, title: check.title, result};
    }),
  );
  return {service, checks, verdict: together(checks, service.require)};
}

// An error is no evidence of health, whatever `on_error` makes of it in the long run.
const goodness: Readonly<Record<Verdict, number>> = {pass: 4, degraded: 3, hold: 2, error: 1, fail: 0};

/** The Nth best: `all` asks the worst, `any` the best. */
function together(checks: readonly CheckOutcome[], require: ServiceConfig['require']): Verdict {
  const nth = require === 'all' ? checks.length : require === 'any' ? 1 : require;
  const verdicts = checks.map(({result}) => result.verdict).sort((a, b) => goodness[b] - goodness[a]);
  return verdicts[nth - 1] ?? 'fail';
}

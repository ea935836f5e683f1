/**
 * `eip-health watchdog --once`: every check once, then routes and addresses brought to the result, and left. The same
 * agent and announcers as in `run`; what a daemon would remember lies in state_dir between two rounds.
 */

import {beginLife, type Life} from './admin/life.js';
import {LockHeldError} from './admin/lock.js';
import {readBootId} from './admin/run-record.js';
import {type LoadResult, loadConfig} from './config/load.js';
import {formatProblem} from './config/report.js';
import type {Config, Problem} from './config/types.js';
import {systemClock as clock} from './io/clock.js';
import {systemEffects} from './io/effects.js';
import {version} from './io/version.js';
import {goRound} from './once-round.js';
import type {Emit, Prefix} from './types.js';
import {openCounters} from './watchdog/counters.js';
import type {IpvsWatch} from './watchdog/ipvs-services.js';
import {IpvsVips} from './watchdog/ipvs-vips.js';
import {forOnce} from './watchdog/once-config.js';
import {oncePacing} from './watchdog/pacing.js';
import {complain, Report} from './watchdog/report.js';
import type {Voice} from './watchdog/voice.js';

export interface OnceOptions {
  readonly configFile: string | undefined;
  /** null: only what service files say. */
  readonly ipvs: IpvsWatch | null;
  /** Say again what was said in an earlier round and is true still. */
  readonly repeat: boolean;
  readonly voiceFor: (config: Config) => Voice;
  /** Aborted: end now, and leave everything as it is. */
  readonly signal: AbortSignal;
}

export type OnceEnd =
  /** `isHealthy`: every service that is enabled is up or degraded, and everything is announced as it is to be. */
  | {readonly kind: 'done'; readonly isHealthy: boolean; readonly brokenServices: number}
  | {readonly kind: 'interrupted'}
  /** Another process has the say; `pid` null: it is just starting. */
  | {readonly kind: 'held'; readonly pid: number | null; readonly stateDir: string}
  | {
      readonly kind: 'misconfigured';
      readonly problems: readonly Problem[];
      /** What it cannot be used for, where nothing in it is wrong. */
      readonly refusal: string | null;
      /** The main file, whether it is there or not. */
      readonly file: string;
    };

/** Throws the system's error where `state_dir` or the kernel cannot be used. */
export async function runOnce(options: OnceOptions): Promise<OnceEnd> {
  const {configFile} = options;
  const loaded = loadConfig({configFile, pacing: oncePacing});
  const {config, files, problems} = loaded;
  const [file = ''] = files;
  if (config === null) return {kind: 'misconfigured', problems, refusal: null, file};
  const {refusal} = forOnce(config);
  if (refusal !== null) return {kind: 'misconfigured', problems: [], refusal, file};
  const bootId = readBootId();
  let life: Life;
  try {
    life = beginLife({...config, version, bootId, oneShot: true, clock});
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error;
    return {kind: 'held', pid: error.pid, stateDir: config.stateDir};
  }
  const voice = options.voiceFor(config);
  let left: readonly Prefix[] | undefined;
  // What was found may be nothing that the next life could adopt.
  let ending: 'withdraw' | 'keep' = life.adopt ? 'keep' : 'withdraw';
  try {
    const counters = openCounters(config.stateDir, bootId, clock);
    const said = options.repeat ? [] : counters.said;
    const report = new Report({...counters, said, say: (kind, event) => voice.say(kind, event)});
    const emit: Emit = (event) => report.take(event);
    const complete = options.ipvs ? await withVips({...options, ipvs: options.ipvs}, config, emit) : loaded;
    if (complete.config === null) {
      return {kind: 'misconfigured', problems: complete.problems, refusal: null, file};
    }
    const once = forOnce(complete.config);
    for (const problem of complete.problems)
      complain(emit, problem.severity, `configuration: ${formatProblem(problem)}`);
    for (const warning of once.warnings) complain(emit, 'warning', warning);
    const {signal} = options;
    const round = {config: once.config, adopt: life.adopt, bootId, counters, report, emit, signal};
    const isHealthy = await goRound(round, (addresses) => {
      left = addresses;
    });
    if (isHealthy === null) return {kind: 'interrupted'};
    ending = 'keep';
    return {kind: 'done', isHealthy, brokenServices: complete.broken.length};
  } finally {
    life.end(ending, left);
    await voice.close(1000);
  }
}

/** The configuration with a service for each VIP. */
async function withVips(
  {configFile, ipvs}: OnceOptions & {readonly ipvs: IpvsWatch},
  {stateDir}: Config,
  emit: Emit,
): Promise<LoadResult> {
  const vips = new IpvsVips({watch: ipvs, stateDir, effects: systemEffects()});
  await vips.refresh(emit);
  return vips.load({configFile, pacing: oncePacing});
}

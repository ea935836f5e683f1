/**
 * `eip-health watchdog --once`: every check once, then routes and addresses brought to the result, and left. The same
 * agent and announcers as in `run`; what a daemon would remember lies in state_dir between two rounds.
 */

import {createCheck} from '../checks/index.js';
import {beginLife, type Life} from './admin/life.js';
import {LockHeldError} from './admin/lock.js';
import {describeAdmin, Orders} from './admin/orders.js';
import {readBootId} from './admin/run-record.js';
import {openAdminStore} from './admin/store.js';
import {Agent} from './agent.js';
import {type Announcers, createAnnouncers} from './announcers.js';
import {type LoadResult, loadConfig} from './config/load.js';
import {formatProblem} from './config/report.js';
import type {Config, Problem, ServiceConfig} from './config/types.js';
import {NetlinkClient} from './control/netlink-client.js';
import {systemClock as clock} from './io/clock.js';
import {systemCron} from './io/cron.js';
import {systemEffects} from './io/effects.js';
import {createHostNetwork} from './io/host-network.js';
import {openNetlinkSocket} from './io/netlink-socket.js';
import {presenceOf} from './io/presence.js';
import {version} from './io/version.js';
import {addressGate, allowGate} from './lib/allow.js';
import {prefixesOf} from './service/contribution.js';
import {Round, type RoundOptions} from './service/round.js';
import type {AdminState, Emit, HostNetwork, Prefix} from './types.js';
import {type Counters, openCounters} from './watchdog/counters.js';
import type {IpvsWatch} from './watchdog/ipvs-services.js';
import {IpvsVips} from './watchdog/ipvs-vips.js';
import {forOnce} from './watchdog/once-config.js';
import {oncePacing} from './watchdog/pacing.js';
import {Report} from './watchdog/report.js';
import {comeToRest, openOf, type Watched} from './watchdog/rest.js';
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
    const round = {options, config: once.config, adopt: life.adopt, bootId, counters, report, emit};
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

interface RoundScene {
  readonly options: OnceOptions;
  readonly config: Config;
  readonly adopt: boolean;
  readonly bootId: string;
  readonly counters: Counters;
  readonly report: Report;
  readonly emit: Emit;
}

/** Whether all is well; null: it was interrupted. `onLeft` hears of the addresses that stay. */
async function goRound(
  scene: RoundScene,
  onLeft: (addresses: readonly Prefix[]) => void,
): Promise<boolean | null> {
  const {config, counters, report, options} = scene;
  const client = new NetlinkClient({open: openNetlinkSocket, clock});
  const network = await createHostNetwork(client);
  try {
    const announcers = announcersFor(scene, client, network);
    const recall: RoundOptions['recall'] = (service, check) => counters.memoryOf(service, check);
    let round: Round | null = null;
    const phase = {isLast: false};
    const store = openAdminStore(config.stateDir);
    const orders = new Orders({store, clock, presence: presenceOf, onChange: () => {}});
    const agent = new Agent({
      // Nobody waits for a service longer than its checks take.
      config: {...config, settleTimeoutMs: endlessMs},
      effects: systemEffects(),
      cron: systemCron,
      createCheck,
      addresses: announcers.addresses,
      announcers: announcers.announcers,
      adopt: scene.adopt,
      adminOf: adminOf(orders, counters, phase),
      held: () => new Set(orders.held().keys()),
      resume: (service) => counters.resume(service),
      createRunner: (runner) => {
        round = new Round({...runner, recall});
        return round;
      },
      emit: scene.emit,
    });
    const {signal} = options;
    const keep = (): void =>
      counters.keep({
        services: agent.services,
        memoryOf: (service, check) => round?.memoryOf(service, check) ?? counters.memoryOf(service, check),
        announced: report.announced,
        said: report.said,
      });
    const installers: readonly Watched[] = [
      ...announcers.announcers,
      ...(announcers.addresses ? [announcers.addresses] : []),
    ];
    const rest = (): Promise<void> =>
      comeToRest({
        installers,
        isAtRest: () => agent.isAtRest,
        clock,
        stepMs: config.stepTimeoutMs,
        limitMs: config.stopTimeoutMs,
      });
    await announcers.start();
    try {
      await agent.start();
      await untilAborted(signal, (round as Round | null)?.ended());
      if (signal.aborted) return null;
      // Before anything else happens: who is killed now leaves what was counted.
      keep();
      await untilAborted(signal, rest());
      if (!phase.isLast) {
        phase.isLast = true;
        agent.applyAdmin();
        await untilAborted(signal, rest());
      }
      sayWhatIsOpen(installers, scene);
      keep();
      return signal.aborted ? null : isHealthy(agent, installers);
    } finally {
      onLeft(
        [...(announcers.addresses?.snapshot().items ?? [])].flatMap(([prefix, word]) =>
          word === 'installed' ? [prefix] : [],
        ),
      );
      await agent.stop('keep');
      // What is set beside the addresses (arp) stays as they do: `announcers.stop` would restore it.
    }
  } finally {
    network.stop();
    client.stop();
  }
}

const endlessMs = 2 ** 31 - 1;

function announcersFor(
  {bootId, config, emit}: RoundScene,
  client: NetlinkClient,
  network: HostNetwork,
): Announcers {
  const ours = new Set(config.services.flatMap((service) => prefixesOf(service)));
  return createAnnouncers({
    config,
    dryRun: 'none',
    routerId: null,
    bootId,
    allowed: allowGate(config.allow),
    allowedAddress: addressGate(config.allow),
    isOurs: () => false,
    isManaged: (prefix) => ours.has(prefix),
    network,
    client,
    clock,
    emit,
  });
}

/**
 * What people want of a service. One that was not disabled yet is drained first, so that its routes are out before its
 * addresses go.
 */
function adminOf(
  orders: Orders,
  counters: Counters,
  phase: {readonly isLast: boolean},
): (config: ServiceConfig) => {readonly state: AdminState; readonly reason: string} {
  return (service) => {
    const admin = orders.of(service);
    const isNew =
      admin.state === 'disabled' && (counters.resume(service)?.admin ?? 'disabled') !== 'disabled';
    return {state: isNew && !phase.isLast ? 'drained' : admin.state, reason: describeAdmin(admin)};
  };
}

/** What was announced and is not there any more went before anybody looked; what is on its way still is said. */
function sayWhatIsOpen(installers: readonly Watched[], {config, emit, report}: RoundScene): void {
  for (const installer of installers) {
    const {items, reasons} = installer.snapshot();
    for (const prefix of report.announced[installer.name] ?? []) {
      if (!items.has(prefix as Prefix)) {
        emit({kind: 'route-withdrawn', prefix: prefix as Prefix, to: installer.name, owners: []});
      }
    }
    const place = installer.name === 'kernel-addresses' ? (config.kernel?.interface ?? '') : installer.name;
    for (const [prefix, word] of openOf(installer)) {
      // Of a failure the installer has told.
      if (word === 'failed') continue;
      const what =
        word === 'pending' ? `${prefix} is not in ${place} yet` : `${prefix} may still be in ${place}`;
      complain(emit, 'warning', `${what}: ${reasons.get(prefix) ?? 'it took too long'}`);
    }
  }
}

function isHealthy({services}: Agent, installers: readonly Watched[]): boolean {
  const areUp = services
    .filter(({state}) => state.admin === 'enabled')
    .every(({state}) => state.settled === 'up' || state.settled === 'degraded');
  return areUp && installers.every((installer) => openOf(installer).length === 0);
}

async function untilAborted(signal: AbortSignal, work?: Promise<unknown>): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(), {once: true});
    Promise.resolve(work).then(() => resolve(), reject);
  });
}

function complain(emit: Emit, severity: Problem['severity'], message: string): void {
  emit({kind: 'note', level: severity === 'error' ? 'error' : 'warn', message, fields: {}});
}

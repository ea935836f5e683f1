/** One round of `watchdog --once`: the agent of `run`, with checks that run once and states that come from a file. */

import {createCheck} from '../checks/index.js';
import {describeAdmin, Orders} from './admin/orders.js';
import {openAdminStore} from './admin/store.js';
import {Agent} from './agent.js';
import {type Announcers, createAnnouncers} from './announcers.js';
import type {Config, ServiceConfig} from './config/types.js';
import {NetlinkClient} from './control/netlink-client.js';
import {systemClock as clock} from './io/clock.js';
import {systemCron} from './io/cron.js';
import {systemEffects} from './io/effects.js';
import {createHostNetwork} from './io/host-network.js';
import {openNetlinkSocket} from './io/netlink-socket.js';
import {presenceOf} from './io/presence.js';
import {addressGate, allowGate} from './lib/allow.js';
import {prefixesOf} from './service/contribution.js';
import {Round, type RoundOptions} from './service/round.js';
import type {AdminState, AgentEvent, Emit, HostNetwork, Prefix} from './types.js';
import type {Counters} from './watchdog/counters.js';
import {complain, type Report} from './watchdog/report.js';
import {comeToRest, openOf, type Watched} from './watchdog/rest.js';

export interface OnceRoundScene {
  readonly config: Config;
  readonly adopt: boolean;
  readonly bootId: string;
  readonly counters: Counters;
  readonly report: Report;
  readonly emit: Emit;
  /** Aborted: end now, and leave everything as it is. */
  readonly signal: AbortSignal;
}

/** Whether all is well; null: it was interrupted. `onLeft` hears of the addresses that stay. */
export async function goRound(
  given: OnceRoundScene,
  onLeft: (addresses: readonly Prefix[]) => void,
): Promise<boolean | null> {
  const {config, counters, report, signal} = given;
  const scene: OnceRoundScene = {...given, emit: (event) => given.emit(withOwners(event, config))};
  const client = new NetlinkClient({open: openNetlinkSocket, clock});
  const network = await createHostNetwork(client);
  try {
    const announcers = announcersFor(scene, client, network);
    // What goes before an announcer has seen it there is told of by its going only.
    for (const announcer of announcers.announcers) {
      announcer.on(({kind, prefix}) => {
        if (kind === 'removed') sayWithdrawn(scene, announcer.name, prefix);
      });
    }
    const recall: RoundOptions['recall'] = (service, check) => counters.memoryOf(service, check);
    let round: Round | null = null;
    const disabling: Disabling = {isHeldBack: false, isDue: false};
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
      adminOf: adminOf(orders, counters, disabling),
      held: () => new Set(orders.held().keys()),
      resume: (service) => counters.resume(service),
      createRunner: (runner) => {
        round = new Round({...runner, recall});
        return round;
      },
      emit: scene.emit,
    });
    let isKept = true;
    const keep = (): void => {
      try {
        counters.keep({
          services: agent.services,
          memoryOf: (service, check) => round?.memoryOf(service, check) ?? counters.memoryOf(service, check),
          announced: report.announced,
          said: report.said,
        });
      } catch (error) {
        // A full disk is no reason to leave a route announced.
        isKept = false;
        const why = error instanceof Error ? error.message : String(error);
        complain(scene.emit, 'error', `what was counted cannot be kept in ${config.stateDir}: ${why}`);
      }
    };
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
      if (disabling.isHeldBack) {
        disabling.isDue = true;
        agent.applyAdmin();
        await untilAborted(signal, rest());
      }
      sayWhatIsOpen(installers, scene);
      keep();
      return signal.aborted ? null : isKept && isHealthy(agent, installers);
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
  {bootId, config, emit}: OnceRoundScene,
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

/** Services that were not disabled yet are drained first, so that their routes are out before their addresses go. */
interface Disabling {
  isHeldBack: boolean;
  isDue: boolean;
}

/** What people want of a service. */
function adminOf(
  orders: Orders,
  counters: Counters,
  disabling: Disabling,
): (config: ServiceConfig) => {readonly state: AdminState; readonly reason: string} {
  return (service) => {
    const admin = orders.of(service);
    const reason = describeAdmin(admin);
    const before = counters.resume(service)?.admin ?? 'disabled';
    if (admin.state !== 'disabled' || before === 'disabled' || disabling.isDue)
      return {state: admin.state, reason};
    disabling.isHeldBack = true;
    return {state: 'drained', reason};
  };
}

/** Once, and only of what was announced by an earlier round or this one. */
function sayWithdrawn({emit, report}: OnceRoundScene, to: string, prefix: Prefix): void {
  if (report.isAnnounced(to, prefix)) emit({kind: 'route-withdrawn', prefix, to, owners: []});
}

/** Who takes out what another process left knows of no owners. */
function withOwners(event: AgentEvent, {services}: Config): AgentEvent {
  if (event.kind !== 'route-withdrawn' || event.owners.length > 0) return event;
  const owners = services.filter((service) => prefixesOf(service).includes(event.prefix));
  return {...event, owners: owners.map(({name}) => name)};
}

/** What is on its way still. What went between two rounds was taken by somebody else, who has told of it. */
function sayWhatIsOpen(installers: readonly Watched[], scene: OnceRoundScene): void {
  const {config, emit, report} = scene;
  for (const installer of installers) {
    const {items, reasons} = installer.snapshot();
    for (const prefix of report.announced[installer.name] ?? []) {
      if (!items.has(prefix as Prefix)) report.forget(installer.name, prefix);
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

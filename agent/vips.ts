/** `vip add`, `vip del` and `vip list` where no daemon runs: through what is kept in `state_dir`, and at once. */

import {describeOutcome, doneOf, type HoldCommand, type HoldDone, hold} from './admin/holds.js';
import {heldAt, Orders} from './admin/orders.js';
import {type AdminStore, type Hold, openAdminStore} from './admin/store.js';
import type {FrrConfig} from './config/frr.js';
import type {Config} from './config/types.js';
import {NetlinkClient} from './control/netlink-client.js';
import {createLog} from './events/log.js';
import type {RouteStatus} from './events/status.js';
import {type VipStatus, vipsOf} from './events/vips.js';
import {addToFrr} from './frr-by-hand.js';
import {systemClock as clock} from './io/clock.js';
import {createHostNetwork} from './io/host-network.js';
import {openNetlinkSocket} from './io/netlink-socket.js';
import type {Output} from './io/output.js';
import {presenceOf} from './io/presence.js';
import {hostPrefix, isHost} from './lib/prefix.js';
import {type TakenOut, takeOut} from './take-out.js';
import type {AgentEvent, Emit, JsonObject, Prefix} from './types.js';

/** As the holder of the lock. What is held out is gone when it resolves, or the answer says where it is left. */
export async function holdWithoutDaemon(
  command: HoldCommand,
  args: JsonObject,
  config: Config,
  store: AdminStore,
): Promise<HoldDone> {
  return noted(command, args, {config, store}, async (prefixes, emit) => {
    const {found, left} = command === 'vip-del' ? await takeOut({config, prefixes, emit}) : nothing;
    return {before: found, now: withoutDaemon(config, heldAt(store, clock.wallMs()), left)};
  });
}

/**
 * The same where there are no services: what is held out goes, and what is let in again is announced by FRR at once,
 * because nothing else would.
 */
export async function holdByHand(
  command: HoldCommand,
  args: JsonObject,
  config: Config & {readonly frr: FrrConfig},
  store: AdminStore,
): Promise<HoldDone> {
  if (command === 'vip-del') return holdWithoutDaemon(command, args, config, store);
  return noted(command, args, {config, store}, async (prefixes, emit) => {
    const additions = await addToFrr({config, prefixes, emit});
    const now = prefixes.map((prefix): VipStatus => {
      const addition = additions.get(prefix);
      const isThere = typeof addition === 'string';
      return {
        prefix,
        services: [],
        held: null,
        announcers: isThere ? {frr: 'announced'} : {},
        reasons: typeof addition === 'object' ? {frr: addition.failed} : {},
      };
    });
    return {before: new Set(prefixes.filter((prefix) => additions.get(prefix) === 'there already')), now};
  });
}

/** Keeps what was ordered, tells the system log of it, and does it. */
async function noted(
  command: HoldCommand,
  args: JsonObject,
  {config, store}: {readonly config: Config; readonly store: AdminStore},
  act: (
    prefixes: readonly Prefix[],
    emit: Emit,
  ) => Promise<{readonly before: ReadonlySet<Prefix>; readonly now: readonly VipStatus[]}>,
): Promise<HoldDone> {
  const {services} = config;
  const orders = new Orders({store, clock, presence: presenceOf, onChange: () => {}});
  const answer = hold(command, args, {config, services, orders, clock});
  orders.stop();
  const log = systemLog(config);
  const emit = (event: AgentEvent): void => log?.sink(event);
  try {
    for (const outcome of answer.outcomes) {
      const {after, before, prefix} = outcome;
      if (!before && !after) continue;
      const message = describeOutcome(outcome, String(args.by));
      emit({kind: 'note', level: 'info', message, fields: {prefix, ...after}});
    }
    const {before, now} = await act(
      answer.outcomes.map(({prefix}) => prefix),
      emit,
    );
    return doneOf(answer, now, before);
  } finally {
    await log?.close(1000);
  }
}

const nothing: TakenOut = {found: new Set(), left: []};

/** Every VIP, and whether its address is on the interface: more cannot be told without a daemon. */
export async function listWithoutDaemon(config: Config): Promise<readonly VipStatus[]> {
  const held = heldAt(openAdminStore(config.stateDir), clock.wallMs());
  return withoutDaemon(config, held, [], await onInterface(config));
}

function withoutDaemon(
  {services}: Config,
  held: ReadonlyMap<Prefix, Hold>,
  left: TakenOut['left'],
  addresses: ReadonlySet<Prefix> | null = null,
): readonly VipStatus[] {
  const prefixes = new Set([...services.flatMap((service) => service.prefixes), ...held.keys()]);
  for (const {prefix} of left) prefixes.add(prefix);
  const routes = [...prefixes].map((prefix): Omit<RouteStatus, 'wanted'> => {
    const hold = held.get(prefix);
    const places = left.filter((place) => place.prefix === prefix);
    const kernel = addresses?.has(prefix) && isHost(prefix) ? {kernel: {address: 'installed'}} : {};
    return {
      prefix,
      owners: [],
      ...(hold && {held: hold}),
      announcers: {...kernel, ...Object.fromEntries(places.map(({from}) => [from, 'withdraw-pending']))},
      reasons: Object.fromEntries(places.map(({from, reason}) => [from, reason])),
    };
  });
  return vipsOf({
    routes,
    services: services.map(({name, prefixes: own}) => ({name, prefixes: own, state: null})),
  });
}

/** The addresses on our interface, be they ours or not; null: nothing of ours goes on any. */
async function onInterface({kernel}: Config): Promise<ReadonlySet<Prefix> | null> {
  if (kernel === null) return null;
  const client = new NetlinkClient({open: openNetlinkSocket, clock});
  try {
    const network = await createHostNetwork(client);
    const own = network.addresses().filter((address) => address.interface === kernel.interface);
    network.stop();
    return new Set(own.map(({address}) => hostPrefix(address)));
  } finally {
    client.stop();
  }
}

/** The system log of the configuration, without standard output. */
function systemLog({log}: Config): {sink: Emit; close(timeoutMs: number): Promise<void>} | null {
  if (log.syslog === null) return null;
  const output: Output = {isTerminal: false, write: () => true, drained: async () => {}};
  return createLog({config: log, output, clock, color: false, json: true});
}

/** `vip add`, `vip del` and `vip list` where no daemon runs: through what is kept in `state_dir`, and at once. */

import {describeOutcome, doneOf, type HoldCommand, type HoldDone, hold} from './admin/holds.js';
import {heldAt, Orders} from './admin/orders.js';
import {readBootId} from './admin/run-record.js';
import {type AdminStore, type Hold, openAdminStore} from './admin/store.js';
import type {FrrConfig} from './config/frr.js';
import type {Config, ServiceConfig} from './config/types.js';
import {NetlinkClient} from './control/netlink-client.js';
import {createLog} from './events/log.js';
import type {VipStatus} from './events/vips.js';
import {addToFrr} from './frr-by-hand.js';
import {systemClock as clock} from './io/clock.js';
import {createHostNetwork} from './io/host-network.js';
import {openNetlinkSocket} from './io/netlink-socket.js';
import type {Output} from './io/output.js';
import {presenceOf} from './io/presence.js';
import {comparePrefixes, hostPrefix} from './lib/prefix.js';
import {type TakenOut, takeOut} from './take-out.js';
import type {AgentEvent, Emit, ItemWord, JsonObject, Prefix, Settled} from './types.js';
import {openCounters} from './watchdog/counters.js';
import {readKnownVips} from './watchdog/known-vips.js';

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

/**
 * Every VIP, also those that IPVS was seen to have: whether its address is on the interface, and what the last round of the
 * watchdog knew of it. Nobody is asked.
 */
export async function listWithoutDaemon(config: Config): Promise<readonly VipStatus[]> {
  const {kernel, services, stateDir} = config;
  const held = heldAt(openAdminStore(stateDir), clock.wallMs());
  const {announced, resume} = openCounters(stateDir, readBootId(), clock);
  const addresses = kernel && (await onInterface(kernel.interface));
  const known = [...readKnownVips(stateDir).keys()].map(hostPrefix);
  const where = (prefix: Prefix): JsonObject => {
    // What is held out was taken out at once, after that round perhaps.
    const told = held.has(prefix) ? [] : Object.entries(announced).filter(([, all]) => all.includes(prefix));
    const kernelWords = {
      ...(addresses?.has(prefix) && {address: 'installed'}),
      ...(told.some(([to]) => to === 'kernel') && {route: 'installed'}),
    };
    return {
      ...(Object.keys(kernelWords).length > 0 && {kernel: kernelWords}),
      ...Object.fromEntries(told.flatMap(([to]) => (to === 'kernel' ? [] : [[to, 'announced']]))),
    };
  };
  const states = services.map((service) => ({...service, state: resume(service)?.settled ?? null}));
  return rowsOf(states, held, known, where);
}

/** What became of them: whatever is left of them somewhere. */
function withoutDaemon(
  {kernel, services}: Config,
  held: ReadonlyMap<Prefix, Hold>,
  left: TakenOut['left'],
): readonly VipStatus[] {
  const where = (prefix: Prefix): JsonObject => {
    const places = left.filter((place) => place.prefix === prefix).map(({from}) => from);
    const [inKernel, elsewhere] = [
      places.flatMap((from) =>
        from === 'kernel' ? ['route'] : from === kernel?.interface ? ['address'] : [],
      ),
      places.filter((from) => from !== 'kernel' && from !== kernel?.interface),
    ];
    const words = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, leftWord]));
    return {...(inKernel.length > 0 && {kernel: words(inKernel)}), ...words(elsewhere)};
  };
  const reasons = (prefix: Prefix) =>
    Object.fromEntries(
      left.flatMap((place) => (place.prefix === prefix ? [[place.from, place.reason]] : [])),
    );
  const states = services.map((service) => ({...service, state: null}));
  return rowsOf(
    states,
    held,
    left.map(({prefix}) => prefix),
    where,
    reasons,
  );
}

const leftWord = 'withdraw-pending' satisfies ItemWord;

/** `others`: what is to be shown though it is of no service. */
function rowsOf(
  services: readonly (Pick<ServiceConfig, 'name' | 'prefixes'> & {readonly state: Settled | null})[],
  held: ReadonlyMap<Prefix, Hold>,
  others: readonly Prefix[],
  where: (prefix: Prefix) => JsonObject,
  reasons: (prefix: Prefix) => Readonly<Record<string, string>> = () => ({}),
): readonly VipStatus[] {
  const prefixes = new Set([...services.flatMap((service) => service.prefixes), ...held.keys(), ...others]);
  return [...prefixes].sort(comparePrefixes).map((prefix) => ({
    prefix,
    services: services
      .filter((service) => service.prefixes.includes(prefix))
      .map(({name, state}) => ({name, state})),
    held: held.get(prefix) ?? null,
    announcers: where(prefix),
    reasons: reasons(prefix),
  }));
}

/** The addresses on an interface, be they ours or not. */
async function onInterface(name: string): Promise<ReadonlySet<Prefix>> {
  const client = new NetlinkClient({open: openNetlinkSocket, clock});
  try {
    const network = await createHostNetwork(client);
    const own = network.addresses().filter((address) => address.interface === name);
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

/**
 * `eip-health withdraw`: takes everything of ours out of what outlives the daemon (other daemons, the kernel), as one
 * stroke, by handing the same announcers an empty desired set. Holds the lock meanwhile.
 */

import {takeStateLock} from './admin/lock.js';
import {mayAdopt, readBootId, readRunRecord, writeRunRecord} from './admin/run-record.js';
import {createAnnouncers} from './announcers.js';
import type {Config} from './config/types.js';
import {NetlinkClient} from './control/netlink-client.js';
import {systemClock as clock} from './io/clock.js';
import {createHostNetwork} from './io/host-network.js';
import {openNetlinkSocket} from './io/netlink-socket.js';
import {makeFolder} from './io/state-file.js';
import {version} from './io/version.js';
import {prefixesOf} from './service/contribution.js';
import type {AgentEvent, Emit, Prefix} from './types.js';

export interface WithdrawOptions {
  readonly config: Config;
  /** Called when a daemon has ended: what it left on purpose stays. */
  readonly afterExit: boolean;
  readonly emit: Emit;
}

/** A prefix in one place: `bird`, `kernel` (the host route), or the interface that holds the address. */
export interface Place {
  readonly prefix: Prefix;
  readonly from: string;
}

export interface Withdrawal {
  /** The last stop left everything on purpose: nothing was done. */
  readonly kept: boolean;
  readonly withdrawn: readonly Place[];
  /** What may still be there, and why. */
  readonly left: readonly (Place & {readonly reason: string})[];
}

/** Throws `LockHeldError` while a daemon runs, and the system's error where `state_dir` or the kernel cannot be used. */
export async function withdrawAll({config, afterExit, emit}: WithdrawOptions): Promise<Withdrawal> {
  const {stateDir} = config;
  makeFolder(stateDir);
  const lock = takeStateLock(stateDir);
  try {
    const bootId = readBootId();
    if (afterExit && mayAdopt(readRunRecord(stateDir), bootId, config.onCrash)) {
      return {kept: true, withdrawn: [], left: []};
    }
    const answer = await takeOut(config, bootId, emit);
    // What is still there is not for the next life to adopt.
    const at = new Date(clock.wallMs()).toISOString();
    writeRunRecord(stateDir, {boot_id: bootId, pid: process.pid, version, stop: 'withdraw', at});
    return answer;
  } finally {
    lock.release();
  }
}

async function takeOut(config: Config, bootId: string, emit: Emit): Promise<Withdrawal> {
  const withdrawn = new Map<string, Place>();
  const left: Withdrawal['left'][number][] = [];
  const gone = (prefix: Prefix, from: string) => withdrawn.set(`${prefix} ${from}`, {prefix, from});
  const noting = (event: AgentEvent): void => {
    if (event.kind === 'address-removed') gone(event.prefix, event.interface);
    if (event.kind === 'route-withdrawn') gone(event.prefix, event.to);
    emit(event);
  };
  const client = new NetlinkClient({open: openNetlinkSocket, clock});
  const network = await createHostNetwork(client);
  const managed = new Set(config.services.flatMap(prefixesOf));
  const announcers = createAnnouncers({
    // What the embedded speaker announced went with its sessions, ExaBGP listens only to its own processes, and
    // nothing is checked here.
    config: {...config, bgp: null, exabgp: null, services: []},
    dryRun: 'none',
    routerId: null,
    bootId,
    allowed: () => true,
    allowedAddress: () => true,
    isOurs: () => false,
    isManaged: (prefix) => managed.has(prefix),
    network,
    client,
    clock,
    emit: noting,
  });
  try {
    await announcers.start();
    // As when the agent stops: daemons first, then what they may have learned from, then the addresses.
    const isKernel = ({name}: {readonly name: string}): boolean => name === 'kernel';
    const daemons = announcers.announcers.filter((announcer) => !isKernel(announcer));
    for (const daemon of daemons) {
      daemon.on(({kind, prefix}) => kind === 'removed' && gone(prefix, daemon.name));
    }
    await Promise.all(daemons.map((daemon) => daemon.stop('withdraw')));
    const routes = announcers.announcers.filter(isKernel);
    await Promise.all(routes.map((kernel) => kernel.stop('withdraw')));
    await announcers.addresses?.stop('withdraw');
    const holders = [
      ...[...daemons, ...routes].map((installer) => ({from: installer.name as string, installer})),
      ...(announcers.addresses
        ? [{from: config.kernel?.interface ?? '', installer: announcers.addresses}]
        : []),
    ];
    for (const {from, installer} of holders) {
      const {items, reasons} = installer.snapshot();
      for (const prefix of items.keys())
        left.push({prefix, from, reason: reasons.get(prefix) ?? 'it took too long'});
    }
  } finally {
    announcers.stop();
    network.stop();
    client.stop();
  }
  return {kept: false, withdrawn: [...withdrawn.values()], left};
}

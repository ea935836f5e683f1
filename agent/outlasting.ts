/** What outlives the daemon (other daemons, the kernel), as our announcers without a daemon around them. */

import {createAnnouncers} from './announcers.js';
import type {Config} from './config/types.js';
import {NetlinkClient} from './control/netlink-client.js';
import {systemClock as clock} from './io/clock.js';
import {createHostNetwork} from './io/host-network.js';
import {openNetlinkSocket} from './io/netlink-socket.js';
import type {Address, AgentEvent, Announcer, Emit, Installer, Prefix} from './types.js';

/** A prefix in one place: `bird`, `kernel` (the host route), or the interface that holds the address. */
export interface Place {
  readonly prefix: Prefix;
  readonly from: string;
}

export interface Outlasting {
  readonly daemons: readonly Announcer[];
  readonly hostRoutes: readonly Announcer[];
  readonly addresses: Installer<Address> | null;
  /** Everything that was taken out since it began. */
  withdrawn(): readonly Place[];
  /** What is there, or may be, and why it is not gone. */
  left(): readonly (Place & {readonly reason: string})[];
}

export interface OutlastingOptions {
  readonly config: Config;
  readonly bootId: string;
  readonly allowed: (prefix: Prefix) => boolean;
  readonly isManaged: (prefix: Prefix) => boolean;
  readonly emit: Emit;
}

/** Starts them for `use`, as the holder of the lock. Rejects where the kernel cannot be used. */
export async function withOutlasting<Answer>(
  {config, bootId, allowed, isManaged, emit}: OutlastingOptions,
  use: (parts: Outlasting) => Promise<Answer>,
): Promise<Answer> {
  const withdrawn = new Map<string, Place>();
  const gone = (prefix: Prefix, from: string) => withdrawn.set(`${prefix} ${from}`, {prefix, from});
  const noting = (event: AgentEvent): void => {
    if (event.kind === 'address-removed') gone(event.prefix, event.interface);
    if (event.kind === 'route-withdrawn') gone(event.prefix, event.to);
    emit(event);
  };
  const client = new NetlinkClient({open: openNetlinkSocket, clock});
  const network = await createHostNetwork(client);
  const announcers = createAnnouncers({
    // What the embedded speaker announced went with its sessions, ExaBGP listens only to its own processes, and
    // nothing is checked here.
    config: {...config, bgp: null, exabgp: null, services: []},
    dryRun: 'none',
    routerId: null,
    bootId,
    allowed,
    allowedAddress: allowed,
    isOurs: () => false,
    isManaged,
    network,
    client,
    clock,
    emit: noting,
  });
  try {
    await announcers.start();
    const isKernel = ({name}: {readonly name: string}): boolean => name === 'kernel';
    const daemons = announcers.announcers.filter((announcer) => !isKernel(announcer));
    const hostRoutes = announcers.announcers.filter(isKernel);
    const {addresses} = announcers;
    for (const daemon of daemons) {
      daemon.on(({kind, prefix}) => kind === 'removed' && gone(prefix, daemon.name));
    }
    const holders = [
      ...[...daemons, ...hostRoutes].map((installer) => ({from: installer.name as string, installer})),
      ...(addresses ? [{from: config.kernel?.interface ?? '', installer: addresses}] : []),
    ];
    return await use({
      daemons,
      hostRoutes,
      addresses,
      withdrawn: () => [...withdrawn.values()],
      left: () =>
        holders.flatMap(({from, installer}) => {
          const {items, reasons} = installer.snapshot();
          return [...items.keys()].map((prefix) => ({
            prefix,
            from,
            reason: reasons.get(prefix) ?? 'it took too long',
          }));
        }),
    });
  } finally {
    announcers.stop();
    network.stop();
    client.stop();
  }
}

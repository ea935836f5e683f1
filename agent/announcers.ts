/** Makes everything that announces or installs, from the configuration: the right-hand side of the picture. */

import {join} from 'node:path';
import type {LifeBefore} from './admin/life.js';
import {type ArpWatch, watchArp} from './announce/arp.js';
import {BgpAnnouncer} from './announce/bgp.js';
import {BirdAnnouncer} from './announce/bird.js';
import {dryAddresses, dryRoutes} from './announce/dry-run.js';
import {ExabgpAnnouncer} from './announce/exabgp.js';
import {FrrAnnouncer} from './announce/frr.js';
import {GobgpAnnouncer} from './announce/gobgp.js';
import {Kernel} from './announce/kernel.js';
import {BfdClient} from './bfd/bfd.js';
import type {BirdConfig} from './config/bird.js';
import type {ExabgpConfig} from './config/exabgp.js';
import type {FrrConfig} from './config/frr.js';
import type {GobgpConfig} from './config/gobgp.js';
import type {Config} from './config/types.js';
import type {NetlinkClient} from './control/netlink-client.js';
import type {PeerAdminStatus} from './events/status.js';
import {systemExec} from './io/exec.js';
import {openJournal} from './io/journal.js';
import {standardPipe} from './io/line-pipe.js';
import {ownedFiles} from './io/owned-file.js';
import {peerConnector} from './io/peer-socket.js';
import {sysctl} from './io/sysctl.js';
import {connectPort, connectUnix} from './io/text-stream.js';
import type {
  Address,
  Announcer,
  Clock,
  Emit,
  HostNetwork,
  Installer,
  IpAddress,
  PeerSnapshot,
  Prefix,
} from './types.js';

/** What must not be touched: nothing is `none`, `kernel` only the kernel's part, `all` no peer either. */
export type DryRunScope = 'none' | 'kernel' | 'all';

export interface Announcers {
  readonly addresses: Installer<Address> | null;
  readonly announcers: readonly Announcer[];
  /** Reads what is installed; rejects where the kernel cannot be asked. */
  start(): Promise<void>;
  /** After everything that announces has been stopped: restores what was set beside it. */
  stop(): void;
  peers(): readonly PeerSnapshot[];
  /** Goes by what people want of the peers now. */
  applyPeerAdmin(): void;
  reconfigure(config: Config): void;
}

export interface AnnouncersOptions {
  readonly config: Config;
  readonly dryRun: DryRunScope;
  readonly routerId: IpAddress | null;
  readonly bootId: string;
  /** Absent or null: peers hold nothing from before this process began. */
  readonly lifeBefore?: LifeBefore | null;
  /** The gate for what is announced, and the one for addresses. */
  readonly allowed: (prefix: Prefix) => boolean;
  readonly allowedAddress: (prefix: Prefix) => boolean;
  readonly isOurs: (address: IpAddress) => boolean;
  /** Whether a service announces the prefix, be it up or down. */
  readonly isManaged: (prefix: Prefix) => boolean;
  /** What people want of a peer now. */
  readonly peerAdminOf?: (peer: string) => PeerAdminStatus;
  readonly network: HostNetwork;
  readonly client: NetlinkClient;
  readonly clock: Clock;
  readonly emit: Emit;
  /** ExaBGP, whose process this is, has ended. */
  readonly onExabgpEnd?: () => void;
}

export function createAnnouncers(options: AnnouncersOptions): Announcers {
  const {config, dryRun} = options;
  const kernel = config.kernel && kernelParts(options, config.kernel);
  const bgp = config.bgp && dryRun !== 'all' ? bgpSpeaker(options, config.bgp) : null;
  const dryBgp = config.bgp && dryRun === 'all' ? dryRoutes('bgp', options.emit) : null;
  const bird = config.bird && birdDriver(options, config.bird);
  const frr = config.frr && frrDriver(options, config.frr);
  const exabgp = config.exabgp && exabgpDriver(options, config.exabgp);
  const gobgp = config.gobgp && gobgpDriver(options, config.gobgp);
  const announcers = [bgp, dryBgp, bird, frr, exabgp, gobgp, kernel?.routes].filter(
    (announcer) => !!announcer,
  );
  let arp: ArpWatch | null = null;
  return {
    addresses: kernel?.addresses ?? null,
    announcers,
    async start() {
      if (kernel && dryRun === 'none') arp = arpFor(options);
      await kernel?.addresses.start();
      for (const announcer of announcers) await announcer.start();
    },
    stop: () => arp?.stop(),
    peers: () => bgp?.peers() ?? [],
    applyPeerAdmin: () => bgp?.applyAdmin(),
    reconfigure(next) {
      arp?.reconfigure(next.services);
      if (next.bgp) bgp?.reconfigure(next.bgp);
    },
  };
}

function kernelParts(
  {allowed, allowedAddress, bootId, client, clock, config, dryRun, emit}: AnnouncersOptions,
  kernelConfig: NonNullable<Config['kernel']>,
): {addresses: Installer<Address>; routes: Announcer} {
  if (dryRun !== 'none') {
    return {addresses: dryAddresses(kernelConfig.interface, emit), routes: dryRoutes('kernel', emit)};
  }
  const journal = openJournal(join(config.stateDir, 'kernel.journal'), bootId);
  return new Kernel({config: kernelConfig, client, clock, emit, journal, allowed, allowedAddress});
}

function birdDriver({allowed, clock, dryRun, emit}: AnnouncersOptions, config: BirdConfig): Announcer {
  if (dryRun === 'all') return dryRoutes('bird', emit);
  return new BirdAnnouncer({config, connect: connectUnix, files: ownedFiles, allowed, clock, emit});
}

function frrDriver(
  {allowed, bootId, clock, config: {stateDir}, dryRun, emit, isManaged}: AnnouncersOptions,
  config: FrrConfig,
): Announcer {
  if (dryRun === 'all') return dryRoutes('frr', emit);
  const journal = openJournal(join(stateDir, 'frr.journal'), bootId);
  return new FrrAnnouncer({
    config,
    connect: connectUnix,
    exec: systemExec,
    journal,
    allowed,
    managed: isManaged,
    clock,
    emit,
  });
}

function exabgpDriver(options: AnnouncersOptions, config: ExabgpConfig): Announcer {
  const {allowed, bootId, clock, dryRun, emit, onExabgpEnd: onEnd = () => {}} = options;
  if (dryRun === 'all') return dryRoutes('exabgp', emit);
  const journal = openJournal(join(options.config.stateDir, 'exabgp.journal'), bootId);
  return new ExabgpAnnouncer({config, open: standardPipe, onEnd, journal, allowed, clock, emit});
}

function gobgpDriver(
  {allowed, bootId, clock, config: {stateDir}, dryRun, emit}: AnnouncersOptions,
  config: GobgpConfig,
): Announcer {
  if (dryRun === 'all') return dryRoutes('gobgp', emit);
  const journal = openJournal(join(stateDir, 'gobgp.journal'), bootId);
  return new GobgpAnnouncer({
    config,
    connect: connectPort,
    exec: systemExec,
    journal,
    allowed,
    clock,
    emit,
  });
}

/** Says, or sees to it, that no host answers ARP for an address that several hosts hold. */
function arpFor({bootId, config, emit, network}: AnnouncersOptions): ArpWatch {
  const journal = openJournal(join(config.stateDir, 'arp.journal'), bootId);
  return watchArp({config, network, sysctl, emit, journal});
}

function bgpSpeaker(
  {allowed, clock, emit, isOurs, lifeBefore, network, peerAdminOf, routerId}: AnnouncersOptions,
  config: NonNullable<Config['bgp']>,
): BgpAnnouncer {
  if (routerId === null) throw new Error('the embedded speaker has no router id');
  return new BgpAnnouncer({
    config,
    routerId,
    allowed,
    isOurs,
    network,
    connector: peerConnector,
    bfd: new BfdClient({clock, emit}),
    ...(lifeBefore && {lifeBefore}),
    ...(peerAdminOf && {adminOf: peerAdminOf}),
    clock,
    emit,
  });
}

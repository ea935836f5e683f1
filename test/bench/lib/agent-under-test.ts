/** The real agent with everything that it announces through, in this process; only its checks are the benchmark's. */

import {mkdtempSync, openSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Agent} from '../../../agent/agent.js';
import {createAnnouncers} from '../../../agent/announcers.js';
import {parseConfig} from '../../../agent/config/parse.js';
import {formatProblem} from '../../../agent/config/report.js';
import type {Config, ServiceConfig} from '../../../agent/config/types.js';
import {NetlinkClient} from '../../../agent/control/netlink-client.js';
import {createBus} from '../../../agent/events/bus.js';
import {createLog} from '../../../agent/events/log.js';
import {systemClock as clock} from '../../../agent/io/clock.js';
import {systemCron} from '../../../agent/io/cron.js';
import {systemEffects} from '../../../agent/io/effects.js';
import {createHostNetwork} from '../../../agent/io/host-network.js';
import {openNetlinkSocket} from '../../../agent/io/netlink-socket.js';
import {DescriptorOutput} from '../../../agent/io/output.js';
import {addressGate, allowGate} from '../../../agent/lib/allow.js';
import {hostPrefix, parseAddress} from '../../../agent/lib/prefix.js';
import {prefixesOf} from '../../../agent/service/contribution.js';
import type {AgentEvent, Cancel} from '../../../agent/types.js';
import {checkConfig, serviceConfig} from '../../fake/config.js';
import {DecidedChecks} from './decided-checks.js';
import {peerAs} from './peer-side.js';

export interface Peer {
  readonly address: string;
  readonly port: number;
  /** Our own end of the session. */
  readonly localAddress: string;
}

export interface AgentUnderTest {
  readonly agent: Agent;
  readonly checks: DecidedChecks;
  on(listener: (event: AgentEvent) => void): Cancel;
  /** Ends the session and makes a new one at once, as a change of the hold time does. */
  reconnect(): void;
  stop(): Promise<void>;
}

const hour = 3_600_000;

/** `services[i]` are the prefixes of one service. It begins to connect, and its checks wait for `checks.end`. */
export async function startAgent(
  services: readonly (readonly string[])[],
  peer: Peer,
  kernel: boolean,
): Promise<AgentUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), `eip${process.pid}-bench-`));
  const config = configOf(services, peer, kernel, folder);
  const checks = new DecidedChecks();
  const bus = createBus();
  // As with `eip-health run`: at level info, into something that takes everything.
  const output = new DescriptorOutput(openSync('/dev/null', 'w'), false, clock);
  bus.on(createLog({config: config.log, output, clock, color: false}).sink);
  const client = new NetlinkClient({open: openNetlinkSocket, clock});
  const network = await createHostNetwork(client);
  const ours = new Set(config.services.flatMap(prefixesOf));
  const announcers = createAnnouncers({
    config,
    dryRun: 'none',
    routerId: parseAddress(peer.localAddress),
    bootId: 'bench',
    network,
    client,
    clock,
    emit: bus.emit,
    allowed: allowGate(config.allow),
    allowedAddress: addressGate(config.allow),
    isManaged: () => true,
    isOurs: (address) => ours.has(hostPrefix(address)),
  });
  const agent = new Agent({
    config,
    effects: systemEffects(),
    cron: systemCron,
    createCheck: checks.create,
    addresses: announcers.addresses,
    announcers: announcers.announcers,
    adopt: false,
    emit: bus.emit,
  });
  await announcers.start();
  await agent.start();
  let holdTimeMs = 90_000;
  return {
    agent,
    checks,
    on: (listener) => bus.on(listener),
    reconnect() {
      holdTimeMs += 1000;
      announcers.reconfigure(withHoldTime(config, holdTimeMs));
    },
    async stop() {
      await agent.stop('withdraw');
      announcers.stop();
      network.stop();
      client.stop();
      rmSync(folder, {recursive: true, force: true});
    },
  };
}

function configOf(
  services: readonly (readonly string[])[],
  {address, localAddress, port}: Peer,
  kernel: boolean,
  folder: string,
): Config {
  const text = `
state_dir: ${folder}
max_running_checks: 65535
log: {level: info, format: json}
${kernel ? 'kernel: {arp: off}' : ''}
bgp:
  local_as: 64512
  local_address: ${localAddress}
  connect_retry: 100ms
  peers: [{name: reader, address: ${address}, port: ${port}, remote_as: ${peerAs}, multihop: true}]
`;
  const file = join(folder, 'eip-health.yaml');
  const {config, problems} = parseConfig({main: {file, text}, services: []}, () => '');
  if (!config) throw new Error(problems.map(formatProblem).join('\n'));
  return {...config, services: services.map((prefixes, i) => decided(`service-${i}`, prefixes, kernel))};
}

function withHoldTime(config: Config, holdTimeMs: number): Config {
  const {bgp} = config;
  return {...config, bgp: bgp && {...bgp, peers: bgp.peers.map((peer) => ({...peer, holdTimeMs}))}};
}

function decided(name: string, prefixes: readonly string[], kernel: boolean): ServiceConfig {
  const check = checkConfig({name: 'decided', type: 'decided', intervalMs: hour, rise: 1, fall: 1});
  return serviceConfig(name, prefixes, {
    addressMode: kernel ? 'when_up' : 'never',
    checks: [{...check, timeoutMs: hour}],
  });
}

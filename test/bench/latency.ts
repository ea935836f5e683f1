/**
 * (a) From the end of a check's run to the moment at which a BGP reader, a process of its own in the same network
 * namespace, holds the last UPDATE. The reference writes the very same bytes to the same reader with `socket.write`.
 */

import {once} from 'node:events';
import net from 'node:net';
import {NetlinkClient} from '../../agent/control/netlink-client.js';
import {systemClock as clock} from '../../agent/io/clock.js';
import {openNetlinkSocket} from '../../agent/io/netlink-socket.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import type {Verdict} from '../../agent/types.js';
import {enterOwnNetwork} from '../lab/own-network.js';
import {type AgentUnderTest, startAgent} from './lib/agent-under-test.js';
import {now, pause} from './lib/clock.js';
import {Helper} from './lib/helper.js';
import {keepaliveBytes, openBytes} from './lib/peer-side.js';
import {hostPrefixes} from './lib/prefixes.js';
import {aim, header, note, row, spreadCells, spreadHeader, times, title} from './lib/report.js';
import {spreadOf} from './lib/spread.js';
import type {Expected, ReaderApi} from './reader.js';

const host = '127.0.0.1';
const sizes = [
  {routes: 1, rounds: 200, aimMs: 0.3},
  {routes: 200, rounds: 60, aimMs: 10},
  {routes: 1000, rounds: 30, aimMs: null},
];
/** Between rounds: the log is written, the processes sleep. */
const restMs = 10;

type Direction = 'announce' | 'withdraw';

const noNetwork = enterOwnNetwork();
const reader = Helper.start<ReaderApi>('reader.js', import.meta.url);
const port = await reader.ask('listen', host);

title("(a) A check's result -> the reader holds the last UPDATE (milliseconds)");
note('reference: a bare socket.write of the same bytes to the same reader, in turn with the agent');
for (const kernel of [false, true]) {
  if (kernel && noNetwork) {
    note(`SKIPPED with the kernel part: ${noNetwork}`);
    continue;
  }
  header(...spreadHeader, 'ratio', 'aim');
  for (const {routes, rounds, aimMs} of sizes) await measure(routes, rounds, aimMs, kernel);
}
await reader.stop();
process.exit(0);

async function measure(routes: number, rounds: number, aimMs: number | null, kernel: boolean): Promise<void> {
  const services = hostPrefixes(routes).map((prefix) => [prefix]);
  await reader.ask('expect', {announced: 0, withdrawn: 0, endOfRib: 2, keepBytes: false});
  const agent = await startAgent(services, {address: host, port, localAddress: host}, kernel);
  const bare = await connectBare();
  // Everything is down, and known to be: End-of-RIB says so.
  await runAll(agent, routes);
  agent.checks.end('fail');
  await reader.ask('arrived', null);

  const samples: Record<Direction, {agent: number[]; bare: number[]}> = {
    announce: {agent: [], bare: []},
    withdraw: {agent: [], bare: []},
  };
  const addresses: number[] = [];
  for (let i = 0; i < rounds; i++) {
    for (const direction of ['announce', 'withdraw'] as const) {
      const round = await agentRound(agent, direction, routes, kernel);
      samples[direction].agent.push(round.ms);
      samples[direction].bare.push(await bareRound(bare, direction, routes, round.bytes));
    }
    if (kernel) addresses.push(await bareAddresses(routes));
  }
  for (const direction of ['announce', 'withdraw'] as const) {
    const ours = spreadOf(samples[direction].agent);
    const reference = spreadOf(samples[direction].bare);
    const name = `${direction} ${routes}, kernel part ${kernel ? 'on' : 'off'}`;
    const verdict = aimMs === null ? '' : aim(ours.median, aimMs, 'ms');
    row(name, ...spreadCells(ours), times(ours.median, reference.median), `  ${verdict}`);
    row('  bare socket.write', ...spreadCells(reference));
    if (kernel && direction === 'announce') {
      const bareKernel = spreadOf(addresses);
      row('  bare rtnetlink, the addresses alone', ...spreadCells(bareKernel));
    }
  }
  bare.destroy();
  await agent.stop();
}

async function agentRound(
  agent: AgentUnderTest,
  direction: Direction,
  routes: number,
  kernel: boolean,
): Promise<{ms: number; bytes: Uint8Array}> {
  const verdict: Verdict = direction === 'announce' ? 'pass' : 'fail';
  const settled = kernel ? kernelSettled(agent, direction, routes) : Promise.resolve();
  await reader.ask('expect', {...expected(direction, routes), keepBytes: true});
  await runAll(agent, routes);
  const arrival = reader.ask('arrived', null);
  await pause(restMs);
  const began = now();
  agent.checks.end(verdict);
  const {at, bytes} = await arrival;
  await settled;
  return {ms: at - began, bytes};
}

async function bareRound(
  socket: net.Socket,
  direction: Direction,
  routes: number,
  bytes: Uint8Array,
): Promise<number> {
  await reader.ask('expect', {...expected(direction, routes), keepBytes: false});
  const arrival = reader.ask('arrived', null);
  await pause(restMs);
  const began = now();
  socket.write(bytes);
  const {at} = await arrival;
  return at - began;
}

/** How long the kernel takes to put these addresses on `lo`, asked one by one by the client that the agent uses. */
async function bareAddresses(routes: number): Promise<number> {
  const client = new NetlinkClient({open: openNetlinkSocket, clock});
  const lo = (await client.dumpLinks()).find(({loopback}) => loopback);
  const addresses = hostPrefixes(routes).map((prefix) => ({
    index: lo?.index ?? 0,
    address: parseAddress(prefix.replace('/32', '')),
    label: 'lo:eip',
  }));
  await pause(restMs);
  const began = now();
  for (const address of addresses) await client.addAddress({...address, protocol: 153});
  const ms = now() - began;
  for (const address of addresses) await client.deleteAddress(address);
  client.stop();
  return ms;
}

function expected(direction: Direction, routes: number): Expected {
  return direction === 'announce'
    ? {announced: routes, withdrawn: 0, endOfRib: 0}
    : {announced: 0, withdrawn: routes, endOfRib: 0};
}

/** Has every check running, so that only its end is missing. */
async function runAll(agent: AgentUnderTest, count: number): Promise<void> {
  agent.agent.checkNow();
  await agent.checks.started(count);
}

/** Resolves once the kernel has, or has no more, the addresses of all routes. */
function kernelSettled(agent: AgentUnderTest, direction: Direction, routes: number): Promise<void> {
  const kind = direction === 'announce' ? 'address-added' : 'address-removed';
  return new Promise((resolve) => {
    let left = routes;
    const cancel = agent.on((event) => {
      if (event.kind !== kind || --left > 0) return;
      cancel();
      resolve();
    });
  });
}

/** A session made by hand: all that follows is what we write. */
async function connectBare(): Promise<net.Socket> {
  const socket = net.connect({host, port, noDelay: true});
  await once(socket, 'connect');
  socket.resume();
  socket.write(openBytes(64512, host));
  socket.write(keepaliveBytes);
  await pause(restMs);
  return socket;
}

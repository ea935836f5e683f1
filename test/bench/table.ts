/**
 * (e) A new session with many prefixes: from Established to End-of-RIB at a reader, and until the table of a real
 * BIRD is full. The reference writes the very same bytes with `socket.write`.
 */

import {once} from 'node:events';
import net from 'node:net';
import {enterOwnNetwork, ip} from '../lab/own-network.js';
import {type AgentUnderTest, type Peer, startAgent} from './lib/agent-under-test.js';
import {birdProblem, startBird} from './lib/bird.js';
import {now, pause} from './lib/clock.js';
import {Helper} from './lib/helper.js';
import {keepaliveBytes, openBytes} from './lib/peer-side.js';
import {hostPrefixes} from './lib/prefixes.js';
import {aim, header, note, row, spreadCells, spreadHeader, times, title} from './lib/report.js';
import {spreadOf} from './lib/spread.js';
import type {ReaderApi} from './reader.js';

const sizes = [
  {prefixes: 10_000, rounds: 10, aimMs: null},
  {prefixes: 100_000, rounds: 10, aimMs: 100},
];
const birdRounds = 4;
const services = 100;
const birdPort = 1790;
const restMs = 10;

const noNetwork = enterOwnNetwork();
const noBird = noNetwork || birdProblem();
// BIRD takes no next hop that is a loopback address.
const [localAddress, address] = noNetwork ? ['127.0.0.1', '127.0.0.1'] : ['10.99.0.1', '10.99.0.2'];
if (!noNetwork) for (const own of [localAddress, address]) ip(`addr add ${own}/24 dev lo`);

title('(e) A new session: Established -> all prefixes are there (milliseconds)');
note('reference: a bare socket.write of the same bytes to the same reader, or BIRD');
if (noBird) note(`SKIPPED with BIRD: ${noBird}`);
header(...spreadHeader, 'ratio', 'aim');
for (const {prefixes, rounds, aimMs} of sizes) {
  const bytes = await toReader(prefixes, rounds, aimMs);
  if (!noBird) await toBird(prefixes, bytes);
}
process.exit(0);

async function toReader(prefixes: number, rounds: number, aimMs: number | null): Promise<Uint8Array> {
  const reader = Helper.start<ReaderApi>('reader.js', import.meta.url);
  const peer: Peer = {address, localAddress, port: await reader.ask('listen', address)};
  await reader.ask('holdSessions', true);
  const agent = await agentWith(prefixes, peer);
  const samples = {agent: [] as number[], bare: [] as number[]};
  let bytes: Uint8Array = new Uint8Array();
  const all = {announced: prefixes, withdrawn: 0, endOfRib: 2, keepBytes: true};
  for (let i = 0; i < rounds; i++) {
    await reader.ask('ready', null);
    await reader.ask('expect', all);
    const whole = reader.ask('arrived', null);
    const began = await reader.ask('establish', null);
    const arrived = await whole;
    samples.agent.push(arrived.at - began);
    bytes = arrived.bytes;

    await reader.ask('forgetNewest', null);
    const socket = await connectBare(peer);
    await reader.ask('establish', null);
    await reader.ask('expect', {...all, keepBytes: false});
    const arrival = reader.ask('arrived', null);
    await pause(restMs);
    const wrote = now();
    socket.write(bytes);
    samples.bare.push((await arrival).at - wrote);
    socket.destroy();
    await reader.ask('forgetNewest', null);
    agent.reconnect();
  }
  await agent.stop();
  await reader.stop();
  const [ours, reference] = [spreadOf(samples.agent), spreadOf(samples.bare)];
  const verdict = aimMs === null ? '' : aim(ours.median, aimMs, 'ms');
  row(
    `${prefixes} prefixes, to End-of-RIB`,
    ...spreadCells(ours, 1),
    times(ours.median, reference.median),
    `  ${verdict}`,
  );
  row('  bare socket.write', ...spreadCells(reference, 1));
  return bytes;
}

async function toBird(prefixes: number, bytes: Uint8Array): Promise<void> {
  const samples = {agent: [] as number[], bare: [] as number[]};
  const peer: Peer = {address, localAddress, port: birdPort};
  const agent = await agentWith(prefixes, peer);
  for (let i = 0; i < birdRounds; i++) {
    // A new one each time: its table is empty.
    const bird = await startBird(address, birdPort, localAddress);
    const established = whenEstablished(agent);
    agent.reconnect();
    const began = await established;
    samples.agent.push((await bird.full(prefixes)) - began);
    await bird.stop();
  }
  await agent.stop();
  for (let i = 0; i < birdRounds; i++) {
    const bird = await startBird(address, birdPort, localAddress);
    const socket = await connectBare(peer);
    await bird.established();
    const began = now();
    socket.write(bytes);
    samples.bare.push((await bird.full(prefixes)) - began);
    socket.destroy();
    await bird.stop();
  }
  const [ours, reference] = [spreadOf(samples.agent), spreadOf(samples.bare)];
  row(
    `${prefixes} prefixes, to a full table in BIRD`,
    ...spreadCells(ours, 1),
    times(ours.median, reference.median),
  );
  row('  bare socket.write', ...spreadCells(reference, 1));
}

/** Everything is up; it connects, or tries to. */
async function agentWith(prefixes: number, peer: Peer): Promise<AgentUnderTest> {
  const each = prefixes / services;
  const all = hostPrefixes(prefixes);
  const agent = await startAgent(
    Array.from({length: services}, (_, i) => all.slice(i * each, (i + 1) * each)),
    peer,
    false,
  );
  agent.agent.checkNow();
  await agent.checks.started(services);
  agent.checks.end('pass');
  await pause(restMs);
  return agent;
}

function whenEstablished(agent: AgentUnderTest): Promise<number> {
  return new Promise((resolve) => {
    const cancel = agent.on((event) => {
      if (event.kind !== 'peer-state' || event.to !== 'established') return;
      cancel();
      resolve(now());
    });
  });
}

/** A session made by hand: all that follows is what we write. */
async function connectBare(peer: Peer): Promise<net.Socket> {
  const socket = net.connect({host: peer.address, port: peer.port, localAddress, noDelay: true});
  await once(socket, 'connect');
  socket.resume();
  socket.write(openBytes(64512, localAddress));
  socket.write(keepaliveBytes);
  return socket;
}

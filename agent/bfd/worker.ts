/** The BFD thread's entry. */

import {randomInt} from 'node:crypto';
import {bfdNetwork} from '../io/bfd-network.js';
import {systemClock} from '../io/clock.js';
import {heartbeat, preferThread, threadData, threadPort} from '../io/thread.js';
import type {FromBfd, ToBfd} from './messages.js';
import {BfdSessions} from './sessions.js';

// A packet that is late by an interval or two is a session lost; a thread that sends twenty a second starves nobody.
preferThread();
const port = threadPort<ToBfd, FromBfd>();
const main = heartbeat(threadData() as SharedArrayBuffer);
const sessions = new BfdSessions({
  network: bfdNetwork,
  clock: systemClock,
  // Discriminators and source ports are better not guessed (RFC 5880 §6.8.1, RFC 6056).
  random: () => randomInt(2 ** 32) / 2 ** 32,
  heartbeat: () => main.read(),
  tell: (message) => port.post(message),
});
port.on((message) => {
  sessions.handle(message);
  if (message.kind === 'stop') port.close();
});
// Descriptors that we opened ourselves do not end with the thread, not even when it fails.
process.on('exit', () => sessions.stop());

/** The BFD thread's entry. */

import {bfdNetwork} from '../io/bfd-network.js';
import {systemClock} from '../io/clock.js';
import {heartbeat, threadData, threadPort} from '../io/thread.js';
import type {FromBfd, ToBfd} from './messages.js';
import {BfdSessions} from './sessions.js';

const port = threadPort<ToBfd, FromBfd>();
const main = heartbeat(threadData() as SharedArrayBuffer);
const sessions = new BfdSessions({
  network: bfdNetwork,
  clock: systemClock,
  random: Math.random,
  heartbeat: () => main.read(),
  tell: (message) => port.post(message),
});
port.on((message) => {
  sessions.handle(message);
  if (message.kind === 'stop') port.close();
});
// Descriptors that we opened ourselves do not end with the thread, not even when it fails.
process.on('exit', () => sessions.stop());

/** A thread that does nothing but see how long it is not run: what of that there is, is the machine's. */

import {parentPort} from 'node:worker_threads';
import {Stall} from '../lab/stall.js';

const stall = new Stall();
parentPort?.once('message', () => parentPort?.postMessage(Math.round(stall.end())));

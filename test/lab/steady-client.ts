/** A process: `node steady-client.js URL…` requests them in turn until a line comes in, then prints how it went as JSON. */

import {createInterface} from 'node:readline';
import {setTimeout as pause} from 'node:timers/promises';
import {Tally} from './tally.js';

/** So many requests a second are enough to meet a gap, and leave the machine to others. */
const pauseMs = 5;

const urls = process.argv.slice(2);
const tally = new Tally();
let isOver = false;
createInterface({input: process.stdin}).once('line', () => {
  isOver = true;
});

console.log('running');
while (!isOver) {
  for (const url of urls) {
    await tally.request(url);
    await pause(pauseMs);
  }
}
console.log(JSON.stringify(tally.answers));
process.exit(0);

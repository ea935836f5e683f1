/** A process: `node client-requests.js URL COUNT` prints as JSON how the requests went. */

import {Tally} from './tally.js';

const [url = '', count] = process.argv.slice(2);
const tally = new Tally();

for (let n = 0; n < Number(count); n++) await tally.request(url);
console.log(JSON.stringify(tally.answers));

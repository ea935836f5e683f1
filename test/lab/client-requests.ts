/** A process: `node client-requests.js URL COUNT` prints as JSON how the requests went. */

import {get} from 'node:http';

const [url = '', count] = process.argv.slice(2);
const by: Record<string, number> = {};
const failed: string[] = [];

for (let n = 0; n < Number(count); n++) {
  try {
    const answer = (await requested()).trim();
    by[answer] = (by[answer] ?? 0) + 1;
  } catch (error) {
    failed.push(error instanceof Error ? error.message : String(error));
  }
}
console.log(JSON.stringify({by, failed}));

function requested(): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, {agent: false, timeout: 2_000}, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString('utf8');
      });
      response.on('end', () => resolve(body));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer within 2 s')));
    request.on('error', reject);
  });
}

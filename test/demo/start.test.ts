import {spawn} from 'node:child_process';
import {createServer} from 'node:net';
import t from 'tap';
import {enterOwnNetwork} from '../lab/own-network.js';

const start = new URL('../../agent/demo/start.js', import.meta.url);

const skip = enterOwnNetwork();

t.test('one round: the route comes and goes', {skip, timeout: 60_000}, async (t) => {
  const {code, output} = await run(['--once']);
  t.equal(code, 0, output);
  const lines = output.split('\n');
  const at = (pattern: RegExp): number => lines.findIndex((line) => pattern.test(line));
  const story = [
    /collector +listens on 127\.0\.0\.1:1790/,
    /collector +BGP session with the agent established/,
    /service +comes up on http:/,
    /collector +\+ 192\.0\.2\.10\/32 next hop/,
    /demo +up to route at the collector: \d+ ms/,
    /service +dies/,
    /collector +- 192\.0\.2\.10\/32 withdrawn/,
    /demo +death to withdrawal at the collector: \d+ ms/,
    /agent +stopped/,
  ].map(at);
  t.notOk(story.includes(-1), `every part of the story is told:\n${output}`);
  t.same(
    [...story].sort((a, b) => a - b),
    story,
    'in this order',
  );
});

t.test('a port that is taken is said in a line', {skip, timeout: 60_000}, async (t) => {
  for (const [port, who] of [
    [1790, 'collector'],
    [8080, 'service'],
  ] as const) {
    const other = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    const {code, output} = await run(['--once']);
    await new Promise((resolve) => other.close(resolve));
    t.equal(code, 1);
    t.match(output, `the ${who} cannot listen: listen EADDRINUSE: address already in use 127.0.0.1:${port}`);
    t.notMatch(output, /^ +at /m, 'no stack');
  }
});

t.test('an unknown argument', async (t) => {
  const {code, output} = await run(['--twice']);
  t.equal(code, 2);
  t.match(output, /unknown argument --twice/);
});

function run(args: readonly string[]): Promise<{code: number | null; output: string}> {
  const child = spawn(process.execPath, [start.pathname, ...args], {stdio: ['ignore', 'pipe', 'pipe']});
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  return new Promise((resolve) => child.on('close', (code) => resolve({code, output})));
}

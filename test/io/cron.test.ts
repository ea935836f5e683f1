import {spawnSync} from 'node:child_process';
import t from 'tap';

const module = new URL('../../agent/io/cron.js', import.meta.url).href;

/** Every second, in a process that stands still for a while: how often it fired, and what it said. */
const program = `
  const {systemCron} = await import(${JSON.stringify(module)});
  let fired = 0;
  const cancel = systemCron('* * * * * *', () => {
    fired++;
    if (fired === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
    else if (fired === 3) {
      cancel();
      process.stdout.write(String(fired));
    }
  });
`;

t.test('what was missed is made up for, without a word', async (t) => {
  const {stdout, stderr, status} = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  t.same({stdout, stderr, status}, {stdout: '3', stderr: '', status: 0});
});

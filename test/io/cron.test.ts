import {spawnSync} from 'node:child_process';
import t from 'tap';
import {cronIn} from '../../agent/io/cron.js';
import {waitFor} from '../lab/wait.js';

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

t.test('in the time of a zone', async (t) => {
  const zones = ['Asia/Kathmandu', 'America/Caracas'];
  const fired = new Map<string, number>();
  const hourIn = (timeZone: string): number =>
    Number(new Intl.DateTimeFormat('en-GB', {hour: '2-digit', timeZone}).format(new Date()));
  // The hour there, and the next one for whoever runs this at its very end.
  const [first = ''] = zones;
  const hours = `${hourIn(first)},${(hourIn(first) + 1) % 24}`;
  const cancels = zones.map((zone) =>
    cronIn(zone)(`* * ${hours} * * *`, () => void fired.set(zone, (fired.get(zone) ?? 0) + 1)),
  );
  t.teardown(() => {
    for (const cancel of cancels) cancel();
  });
  await waitFor(
    'two seconds to pass there',
    () => fired.get(first) ?? 0,
    (count) => count >= 2,
  );
  t.same([...fired.keys()], [first], 'elsewhere it is another hour');
});

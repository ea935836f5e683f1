import {chmodSync, existsSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {ApiError} from '../../agent/api/protocol.js';
import {createApiServer, type Handler} from '../../agent/api/server.js';
import {buildStatus, type Status} from '../../agent/events/status.js';
import {renderStatus} from '../../agent/events/status-table.js';
import {systemClock} from '../../agent/io/clock.js';
import {largeInput, sampleInput} from '../events/status-sample.js';
import {FakeTerminal} from '../fake/terminal.js';
import {cleanUp, folderWith, onTerminal, run, shell, start} from './command-line.js';

const sample = buildStatus(sampleInput);
const config = folderWith({'eip-health.yaml': 'control_socket: x.sock\nconf_d: false\n'});

async function serve(
  handlers: Record<string, Handler>,
  path = join(config, 'x.sock'),
): Promise<() => Promise<void>> {
  const server = createApiServer({path, handlers, clock: systemClock, emit: () => {}});
  await server.start();
  return () => server.stop();
}

t.teardown(cleanUp);
// Many processes are started, perhaps on a machine that has much else to do.
t.setTimeout(120_000);

t.test('while no daemon runs it is exit code 5', async (t) => {
  const socket = join(config, 'x.sock');
  t.same(await run(['status'], config), {
    code: 5,
    stdout: '',
    stderr: `eip-health: no eip-health runs here: ${socket} does not exist (control_socket in the configuration)\n`,
  });
  t.match(await run(['reload'], config), {code: 5});
});

const skip = existsSync('/etc/eip-health/eip-health.yaml') && 'this host has a configuration';

t.test('without a configuration it says that too', {skip}, async (t) => {
  const {code, stderr} = await start(['status'], folderWith({})).ended;
  t.equal(code, 5);
  t.match(stderr, /nor is there a configuration: if it has another place, name it with --config\n$/);
});

t.test('a configuration that was named must be there, and readable', async (t) => {
  const missing = join(config, 'missing.yaml');
  t.match(await run(['status', '-c', missing]), {
    code: 3,
    stderr: `eip-health: cannot read ${missing}: no such file or folder\n`,
  });
  t.match(await run(['status', '-c', config]), {
    code: 3,
    stderr: `eip-health: cannot read ${config}: it is a folder\n`,
  });
  const secret = folderWith({'eip-health.yaml': 'control_socket: y.sock\n'});
  chmodSync(join(secret, 'eip-health.yaml'), 0);
  const root = process.getuid?.() === 0;
  // The file is read before the command first waits for anything.
  if (root) process.seteuid?.(65_534);
  const answer = run(['status'], secret);
  if (root) process.seteuid?.(0);
  t.match(await answer, {code: 4, stderr: /cannot read .*eip-health\.yaml: permission denied\n$/});
});

t.test('a daemon answers', async (t) => {
  let answer: Status = sample;
  const stop = await serve({
    status: () => answer,
    reload: () => ({lines: ['reset peer nrec-1: its password changes', 'change service web: interval']}),
  });
  t.teardown(stop);

  t.test('the table, whole where there is no screen', async (t) => {
    t.same(await run(['status'], config), {
      code: 0,
      stdout: renderStatus(sample, {color: false, width: Number.POSITIVE_INFINITY}),
      stderr: '',
    });
  });

  t.test('colour only where it is wanted', async (t) => {
    const {stdout} = await run(['status'], config, new FakeTerminal(false, true));
    t.match(stdout, '\u001b[32mup\u001b[39m');
  });

  t.test('--json is what the daemon said', async (t) => {
    const {code, stdout} = await run(['status', '--json'], config);
    t.equal(code, 0);
    t.strictSame(JSON.parse(stdout), JSON.parse(JSON.stringify(sample)));
  });

  t.test('one service: its rows, and whether it serves', async (t) => {
    const web = await run(['status', 'web'], config);
    t.equal(web.code, 0);
    t.match(web.stdout, /^web +up /m);
    t.notMatch(web.stdout, /^dns/m);
    t.match(web.stdout, /^CHECK +TYPE/m);
    t.equal((await run(['status', 'dns'], config)).code, 1);
    const json = JSON.parse((await run(['status', 'web', '--json'], config)).stdout) as Status;
    t.match(json, {services: [{name: 'web'}], routes: [{owners: ['web']}, {owners: ['web']}]});
    t.equal(json.routes.length, 2);
    for (const [state, code] of [
      ['degraded', 0],
      ['unknown', 1],
    ] as const) {
      answer = {...sample, services: sample.services.map((service) => ({...service, state}))};
      t.equal((await run(['status', 'web'], config)).code, code, state);
    }
    answer = sample;
  });

  t.test('a service that is not there is wrong usage', async (t) => {
    t.same(await run(['status', 'wbe'], config), {
      code: 2,
      stdout: '',
      stderr: 'eip-health: the daemon has no service "wbe": did you mean `web`?\n',
    });
  });

  t.test('--watch goes on until Ctrl-C, which is exit code 0', async (t) => {
    const terminal = new FakeTerminal();
    const watching = run(['status', '--watch'], config, terminal);
    await terminal.said('2 services: 1 up, 1 down');
    answer = {...sample, services: sample.services.map((service) => ({...service, state: 'degraded'}))};
    await terminal.said('2 services: 2 degraded');
    terminal.interrupt();
    t.match(await watching, {code: 0, stderr: ''});
    answer = sample;
    const lines = new FakeTerminal();
    const inJson = run(['status', '--watch', '--json'], config, lines);
    await lines.said('}\n');
    lines.interrupt();
    const {stdout} = await inJson;
    t.equal(JSON.parse(stdout.trim().split('\n')[0] ?? '').schema, 1);
  });

  t.test('on a terminal --watch draws in place, in its size, and leaves the last picture', async (t) => {
    const watching = onTerminal('exec "$eip" status --watch', {columns: 60, rows: 14}, config);
    await watching.said('2 services: ');
    answer = buildStatus(largeInput(200));
    await watching.said('200 services: ');
    watching.child.stdin?.write('\u0003');
    const {code, stdout} = await watching.ended;
    t.equal(code, 0);
    const [before, ...frames] = stdout.split('\u001b[H');
    t.match(before, '\u001b[?1049h\u001b[?25l');
    t.ok(frames.length >= 2);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control sequences are what is looked at.
    const pictures = frames.map((frame) => frame.replaceAll(/\u001b\[[\d?]*[a-zA-Z]|\r/g, ''));
    for (const picture of pictures.slice(0, -1)) {
      const lines = picture.split('\n');
      t.ok(lines.length <= 14, `${lines.length} lines`);
      t.strictSame(
        lines.filter((each) => [...each].length > 60),
        [],
      );
    }
    const [, left] = stdout.split('\u001b[?25h\u001b[?1049l');
    t.match(left, /200 services: .*\r\n$/);
    answer = sample;
  });

  t.test('whoever stops reading ends it quietly', async (t) => {
    answer = buildStatus(largeInput(200));
    for (const line of [
      '"$eip" status | head -1',
      '"$eip" status --watch | head -1',
      '"$eip" status --json | head -1',
    ]) {
      const {code, stdout, stderr} = await shell(line, config);
      t.equal(stderr, '', line);
      t.equal(code, 0, line);
      t.equal(stdout.split('\n').length, 2, line);
    }
    const {stdout} = await shell('"$eip" status --json | (sleep 0.2; wc -c)', config);
    t.ok(Number(stdout) > 200_000, 'a slow reader gets everything');
    answer = sample;
  });

  t.test('the socket is found though the main file is broken by now', async (t) => {
    const broken = folderWith({
      'eip-health.yaml': `control_socket: ${join(config, 'x.sock')}\nnonsense: true\n`,
    });
    t.equal((await run(['status'], broken)).code, 0);
    t.equal((await run(['reload'], broken)).code, 0);
  });

  t.test('reload prints what changes', async (t) => {
    t.same(await run(['reload'], config), {
      code: 0,
      stdout: 'reset peer nrec-1: its password changes\nchange service web: interval\n',
      stderr: '',
    });
    t.match(JSON.parse((await run(['reload', '--json'], config)).stdout), {lines: [/^reset/, /^change/]});
  });
});

t.test('a daemon that says no', async (t) => {
  const stop = await serve({
    reload: () => {
      throw new ApiError(3, 'the configuration is broken:\n/etc/x.yaml:1:2: error: no \u001b[31mway');
    },
    status: () => ({schema: 2}),
  });
  t.teardown(stop);
  t.same(await run(['reload'], config), {
    code: 3,
    stdout: '',
    stderr: 'eip-health: the configuration is broken:\n/etc/x.yaml:1:2: error: no \\u001b[31mway\n',
  });
  t.match(await run(['status'], config), {
    code: 1,
    stderr: /^eip-health: the running daemon is of another version/,
  });
});

t.test('--watch waits for a daemon that restarts', async (t) => {
  const terminal = new FakeTerminal();
  const watching = run(['status', '--watch'], config, terminal);
  await terminal.said('no eip-health runs here');
  const stop = await serve({status: () => sample});
  t.teardown(stop);
  await terminal.said('2 services');
  terminal.interrupt();
  t.match(await watching, {code: 0, stderr: ''});
});

import {createSocket, type Socket} from 'node:dgram';
import {chmodSync, copyFileSync, symlinkSync} from 'node:fs';
import {dirname, join} from 'node:path';
import t, {type Test} from 'tap';
import {type Host, runVipWatchdog} from '../../agent/cli/vip-watchdog.js';
import {isRunning} from '../../agent/io/processes.js';
import {FakeTerminal} from '../fake/terminal.js';
import {enterOwnNetwork} from '../lab/own-network.js';
import {Program} from '../lab/program.js';
import {waitFor} from '../lab/wait.js';
import {cleanUp, folderWith, program} from './command-line.js';
import {installed, main, nothing, place, put} from './watchdog-place.js';

// The programs that are started inherit it.
const skip = enterOwnNetwork();
t.teardown(cleanUp);
t.setTimeout(120_000);

const title = [
  'IP Virtual Server version 1.2.1 (size=4096)',
  'Prot LocalAddress:Port Scheduler Flags',
  '  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn',
  'TCP  192.0.2.9:80 rr',
  'TCP  192.0.2.1:80 rr',
];
const server = '  -> 10.0.0.1:80                  Route   1      0          0';
const server6 = 'TCP  [2001:db8::1]:80 rr\n  -> [fd00::1]:80                 Route   1      0          0';

t.test('before anything is done, it is asked whether it can be', async (t) => {
  const all = ['bgpd', 'keepalived'];
  const host = (isRoot: boolean, running: readonly string[]): Host => ({
    isRoot: () => isRoot,
    isRunning: (name) => running.includes(name),
  });
  const frr = 'state_dir: state\nfrr: {}\n';
  const cases: readonly (readonly [
    host: Host,
    main: string,
    words: readonly string[],
    out: string | RegExp,
    err: RegExp,
  ])[] = [
    [host(false, all), frr, [], 'Only run as root !\n', /^$/],
    [host(true, ['keepalived']), frr, [], 'fatal error : quagga/bgpd not running !\n', /^$/],
    [host(true, ['bgpd']), frr, [], 'fatal error : keepalived not running !\n', /^$/],
    [host(true, []), main, [], 'fatal error : keepalived not running !\n', /^$/],
    [host(true, all), 'nonsense: 1\nfrr: {}\n', [], '', /eip-health\.yaml:1:1: error: unknown key/],
    [
      host(true, all),
      frr,
      ['--max-down', '3'],
      '',
      /^vip_watchdog: watchdog: --max-down must be below --min-up\n$/,
    ],
    [host(true, all), frr, ['-a'], '', /unknown option/],
  ];
  for (const [host, text, words, out, err] of cases) {
    const config = join(folderWith({'eip-health.yaml': text}), 'eip-health.yaml');
    const terminal = new FakeTerminal();
    t.equal(await runVipWatchdog(['--config', config, ...words], terminal, host), 255);
    t.equal(terminal.stdout, out);
    t.match(terminal.stderr, err);
  }
  const terminal = new FakeTerminal();
  t.equal(await runVipWatchdog(['--help'], terminal, host(false, [])), 0);
  t.match(terminal.stdout, /vip_watchdog > \/dev\/null 2>&1/);
});

t.test('its lines, on standard error and in the system log', {skip}, async (t) => {
  const log = await listener(t);
  const folder = place({
    'eip-health.yaml': `${main}log: {syslog: {target: "udp://127.0.0.1:${log.port}", facility: local3}}\n`,
  });
  const table = (...servers: string[]): void => {
    put(folder, 'bin/ipvsadm', `#!/bin/sh\ncat <<'EOF'\n${[...title, ...servers].join('\n')}\nEOF\n`);
    chmodSync(join(folder, 'bin/ipvsadm'), 0o755);
  };
  const round = async (): Promise<readonly [code: number | null, stdout: string, stderr: string]> => {
    const env = {PATH: `${folder}/bin:${process.env.PATH}`};
    const called = new Program([process.execPath, link, '--exclude', '192.0.2.9'], {cwd: folder, env});
    const {code} = await called.exited;
    await new Promise((resolve) => setImmediate(resolve));
    return [code, called.stdout, called.stderr];
  };
  const link = join(dirname(program), 'vip_watchdog');
  symlinkSync('eip-health', link);
  copyFileSync('/bin/sleep', join(folder, 'keepalived'));
  const keepalived = new Program([join(folder, 'keepalived'), '100']);
  t.teardown(() => keepalived.kill());
  await waitFor(
    'keepalived to be seen',
    () => isRunning('keepalived'),
    (seen) => seen,
  );
  t.notOk(isRunning('keepalive'));

  table(server, server6);
  const added = [
    'vip_watchdog: more than 1 realservers available behind 192.0.2.1 > add route',
    'bgp_mgt: Adding route to 192.0.2.1/32',
    'vip_watchdog: more than 1 realservers available behind 2001:db8::1 > add route',
    'bgp_mgt: Adding route to 2001:db8::1/128',
  ];
  const [code, stdout, stderr] = await round();
  t.same([code, stdout, stderr.trim().split('\n')], [0, '', added]);
  const heard = await log.heard(/Adding route to 2001/);
  // user.notice, without a process id; the records of eip-health itself go beside.
  for (const line of added)
    t.ok(
      heard.some((text) => /^<13>\w{3} [ \d]\d [\d:]{8} /.test(text) && text.endsWith(` ${line}`)),
      line,
    );
  t.ok(heard.some((text) => text.startsWith('<158>') && text.includes('service ipvs-192.0.2.1 up')));
  t.same(await round(), [0, '', ''], 'nothing changed');

  table(server6);
  t.same(await round(), [
    0,
    '',
    'vip_watchdog: 0 realservers available behind 192.0.2.1 > delete route\nbgp_mgt: Deleting route to 192.0.2.1/32\n',
  ]);
  table();
  await round();
  t.same(installed(), nothing);
  t.same(await round(), [0, '', ''], 'what is down is no failure of the watchdog');
});

/** A system log on a UDP port. */
async function listener(
  t: Test,
): Promise<{readonly port: number; heard(last: RegExp): Promise<readonly string[]>}> {
  const socket: Socket = createSocket('udp4');
  t.teardown(() => socket.close());
  const lines: string[] = [];
  socket.on('message', (data) => lines.push(data.toString()));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return {
    port: socket.address().port,
    heard: (last) =>
      waitFor(
        `a message like ${last}`,
        () => lines,
        (seen) => seen.some((line) => last.test(line)),
      ),
  };
}

import {chmodSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {enterOwnNetwork} from '../lab/own-network.js';
import {cleanUp, type Ended, folderWith, run, start} from './command-line.js';
import {installed, main, nothing, place, put, quiet, service} from './watchdog-place.js';

// The programs that are started inherit it.
const skip = enterOwnNetwork();
t.teardown(cleanUp);
t.setTimeout(120_000);

const title = [
  'Prot LocalAddress:Port Scheduler Flags',
  '  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn',
];

function server(address: string, weight = 1): string {
  return `  -> ${address}:80                 Route   ${weight}      0          0`;
}

t.test('the VIPs of IPVS', {skip}, async (t) => {
  const folder = place({
    'eip-health.yaml': `${main}allow: [192.0.2.0/24, "2001:db8::/32"]\n`,
    'bin/ipvsadm': '',
  });
  const table = (...lines: string[]): void =>
    put(
      folder,
      'bin/ipvsadm',
      [
        '#!/bin/sh',
        "cat <<'EOF'",
        'IP Virtual Server version 1.2.1 (size=4096)',
        ...title,
        ...lines,
        'EOF',
        '',
      ].join('\n'),
    );
  const watch = (...words: string[]): Promise<Ended> =>
    start(['watchdog', '--once', '--ipvs', ...words], folder, {PATH: `${folder}/bin:${process.env.PATH}`})
      .ended;
  table(
    'TCP  192.0.2.1:80 rr',
    server('10.0.0.1'),
    server('10.0.0.2'),
    'UDP  [2001:db8::1]:53 rr',
    server('[fd00::1]'),
    'SCTP 192.0.2.3:9 rr',
    server('10.0.0.1', 0),
    'TCP  198.51.100.1:80 rr',
    server('10.0.0.1'),
    'FWM  7 rr',
    server('10.0.0.1'),
  );
  chmodSync(join(folder, 'bin/ipvsadm'), 0o755);
  const words = ['--min-up', '2', '--max-down', '0', '--only', '192.0.2.0/24,198.51.100.0/24,2001:db8::/64'];
  const first = await watch(...words);
  t.match(first.stdout, /^service ipvs-192\.0\.2\.1 up: .*TCP 192\.0\.2\.1:80: 2 servers$/m);
  t.match(first.stdout, /^service ipvs-192\.0\.2\.3 down: .*SCTP 192\.0\.2\.3:9: 0 servers, needs 2$/m);
  t.match(first.stderr, /^IPVS: firewall mark 7 is ignored: .*--fwmark 7=192\.0\.2\.1,2001:db8::1$/m);
  t.match(
    first.stderr,
    /^configuration: IPVS: warning: .*ipvs-198\.51\.100\.1 may not announce 198\.51\.100\.1\/32/m,
  );
  t.equal(first.code, 1);
  t.same(installed().routes, ['192.0.2.1'], 'one server of two is no evidence');

  const more = ['--fwmark', '7=192.0.2.7', '--exclude', '192.0.2.3', ...words.slice(2)];
  t.match(await watch(...more), {
    code: 0,
    stdout: /^service ipvs-192\.0\.2\.7 up: .*fwmark 7 ipv4: 1 server/m,
  });
  t.same(installed().routes, ['192.0.2.1', '192.0.2.7', '2001:db8::1']);

  table('TCP  192.0.2.1:80 rr', server('10.0.0.1'));
  const vanished = await watch(...words, '--exclude', '192.0.2.3');
  t.match(vanished.stdout, /^service ipvs-2001-db8--1 down: .*2001:db8::1 is not in the IPVS table$/m);
  t.same(
    installed().routes,
    ['192.0.2.1'],
    'between the thresholds it stays, and a mark nobody maps is no service',
  );
  t.equal(vanished.code, 1);
  t.same(await watch(...words, '--exclude', '192.0.2.3'), quiet(1));

  put(folder, 'conf.d/web.yaml', service('down', '192.0.2.1'));
  t.match((await watch(...words)).stdout, /^service web down/m, 'a service file has the say over its prefix');
  t.same(installed(), nothing);
});

t.test('resident: at set times, with a socket that answers', {skip}, async (t) => {
  const folder = place({
    'conf.d/web.yaml': service('web', '192.0.2.1'),
    'conf.d/own.yaml': service('own', '192.0.2.2', 'interval: 5s\n'),
    own: '',
  });
  const words = ['--schedule', '* * * * * *', '--timezone', 'Asia/Kathmandu'];
  const daemon = start(['watchdog', ...words], folder);
  await daemon.said('service own up: 1 success');
  put(folder, 'web');
  await daemon.said('service web up: 1 success');
  const {stdout} = await start(['status', '--json'], folder).ended;
  t.match(JSON.parse(stdout), {mode: 'watchdog', services: [{state: 'up'}, {state: 'up'}]});
  daemon.child.kill('SIGTERM');
  t.equal((await daemon.ended).code, 0);
  t.same(installed(), nothing);
});

t.test('what cannot be', async (t) => {
  const cases: readonly (readonly [
    words: readonly string[],
    main: string | null,
    code: number,
    said: RegExp,
  ])[] = [
    [[], main, 2, /watchdog: write --once, or --schedule/],
    [['--once', '--schedule', '@daily'], main, 2, /watchdog: write --once, or --schedule/],
    [['--once', '--timezone', 'UTC'], main, 2, /--timezone is for --schedule/],
    [['--schedule', '* * *'], main, 2, /"\* \* \*" is no cron expression/],
    [['--schedule', '@daily', '--timezone', 'Mars'], main, 2, /name of a time zone, like Europe\/Oslo/],
    [['--once', '--min-up', '2'], main, 2, /--min-up says something of IPVS: write --ipvs too/],
    [['--once', '--ipvs', '--max-down', '1'], main, 2, /--max-down must be below --min-up/],
    [['--once', '--ipvs', '--only', '192.0.2.1/24'], main, 2, /the network is 192\.0\.2\.0\/24/],
    [['--once', '--ipvs', '--sorry', 'nobody'], main, 2, /write an address or address:port/],
    [['--once', '--ipvs', '--fwmark', '7'], main, 2, /write it like 1=192\.0\.2\.1/],
    [['--once', '--ipvs', '--ports', 'some'], main, 2, /whole number from 1/],
    [['--once', '--ipvs', '--degraded-below', '120%'], main, 2, /whole number from 1 to 100/],
    [['--once', '--ipvs', '--degraded-below', '50%'], main, 2, /percentage needs --expected/],
    [['--once', '--ipvs', '--degraded-med', '5'], main, 2, /need --degraded-below/],
    [['--once', '--ipvs', '--forget', 'soon'], main, 2, /"soon" is no duration/],
    [['--once', '--ipvs'], null, 3, /main file that is enough[\s\S]*allow: \[192\.0\.2\.0\/24/],
    [['--schedule', '@daily', '--ipvs'], null, 3, /main file that is enough/],
    [
      ['--once'],
      'bgp: {local_as: 1, peers: [{address: 10.0.0.1, remote_as: 1}]}',
      3,
      /use `watchdog --schedule`/,
    ],
  ];
  for (const [words, text, code, said] of cases) {
    const folder = folderWith(text === null ? {} : {'eip-health.yaml': text});
    const ended = await run(['watchdog', ...words], folder);
    t.equal(ended.code, code, words.join(' '));
    t.match(ended.stderr, said);
    t.equal(ended.stdout, '');
  }
});

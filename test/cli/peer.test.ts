import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {callDaemon} from '../../agent/api/client.js';
import {createApiServer} from '../../agent/api/server.js';
import {buildStatus, type Status} from '../../agent/events/status.js';
import {systemClock} from '../../agent/io/clock.js';
import {sampleInput} from '../events/status-sample.js';
import {waitFor} from '../lab/wait.js';
import {cleanUp, folderWith, run, start} from './command-line.js';

t.teardown(cleanUp);
t.setTimeout(120_000);

// Nobody answers there: a refused connection is all that these peers need to be.
const bgp = `
state_dir: state
control_socket: x.sock
conf_d: false
router_id: 192.0.2.250
bgp:
  local_as: 65001
  peers:
    - {name: tor-1, address: 127.0.0.2, port: 1, remote_as: 65000, multihop: true}
    - {name: tor-2, address: 127.0.0.3, port: 1, remote_as: 65000, multihop: true}
`;

async function admins(folder: string): Promise<Record<string, Status['peers'][number]['admin']>> {
  const status = (await callDaemon(join(folder, 'x.sock'), 'status', {}, 5000)) as unknown as Status;
  return Object.fromEntries(status.peers.map(({name, admin}) => [name, admin]));
}

t.test('without a daemon, with one, across a crash', async (t) => {
  const folder = folderWith({'eip-health.yaml': bgp});
  t.match(await run(['peer', 'disable', 'tor-1', '--reason', 'new line card'], folder), {
    code: 0,
    stdout:
      /^tor-1: disabled by \S+: new line card; its routes stay, marked, until \S+Z\nno daemon runs: this counts from its next start\n$/,
    stderr: '',
  });
  const first = start(['run'], folder);
  t.teardown(() => first.child.kill('SIGKILL'));
  await waitFor(
    'an answer',
    () => admins(folder),
    () => true,
  );
  t.match(await admins(folder), {
    'tor-1': {state: 'disabled', reason: 'new line card', drain_until: /Z$/},
    'tor-2': {state: 'enabled', by: null},
  });
  t.match(await run(['peer', 'disable', 'tor-1', '--drain-for', '0'], folder), {
    code: 0,
    stdout: /^tor-1: disabled by \S+\n$/,
    stderr:
      'warning: of the peers that are left (tor-2) none is established: nothing is announced to them now\n',
  });
  await waitFor(
    'the peer to be closed',
    () => run(['peers'], folder),
    ({stdout}) => /^tor-1 +idle, disabled .* by \S+$/m.test(stdout),
  );
  const both = await run(['peer', 'drain', '--all', '--for', '2h', '--json'], folder);
  t.match(both, {code: 0, stderr: /^warning: no peer is left/});
  t.match(JSON.parse(both.stdout), {
    peers: [
      {name: 'tor-1', admin: {state: 'drained', until: /Z$/, drain_until: null}},
      {name: 'tor-2', admin: {state: 'drained', until: /Z$/, drain_until: /Z$/}},
    ],
    warnings: [/^no peer is left/],
    daemon: true,
  });
  first.child.kill('SIGKILL');
  await first.ended;

  const second = start(['run'], folder);
  t.teardown(() => second.child.kill('SIGKILL'));
  await waitFor(
    'an answer',
    () => admins(folder),
    () => true,
  );
  t.match(await admins(folder), {'tor-1': {state: 'drained'}, 'tor-2': {state: 'drained'}});
  t.match(await run(['peer', 'enable', 'tor-1', 'tor-2'], folder), {
    code: 0,
    stdout: 'tor-1: enabled\ntor-2: enabled\n',
    stderr: '',
  });
  t.match(JSON.parse(readFileSync(join(folder, 'state/admin.json'), 'utf8')), {peers: {}});
  second.child.kill('SIGTERM');
  const {stdout} = await second.ended;
  t.match(stdout, /"msg":"peer tor-1 drained: by \S+ until \S+Z"/);
  t.match(stdout, /"msg":"peer tor-1 enabled: nothing holds it out any more"/);
});

t.test('what is wrong', async (t) => {
  const folder = folderWith({'eip-health.yaml': bgp});
  t.match(await run(['peer'], folder), {code: 2, stdout: '', stderr: /^Usage: eip-health peer /});
  t.match(await run(['peer', 'drian', 'tor-1'], folder), {
    code: 2,
    stderr: /unknown command 'drian'\n\(Did you mean drain\?\)/,
  });
  t.match(await run(['peer', 'drain'], folder), {code: 2, stderr: /peer drain: name peers, or write --all/});
  t.match(await run(['peer', 'drain', 'tor-1', '--all'], folder), {code: 2});
  t.match(await run(['peer', 'drain', 'tor-1', '--drain-for', 'long'], folder), {
    code: 2,
    stderr: /is no duration/,
  });
  t.match(await run(['peer', 'drain', 'tor1'], folder), {
    code: 2,
    stderr: /no peer "tor1": did you mean `tor-1`\?/,
  });
  t.match(await run(['peer', 'enable', 'tor-1', '--for', '1h'], folder), {code: 2});
  const bird = folderWith({
    'eip-health.yaml':
      'state_dir: state\ncontrol_socket: x.sock\nconf_d: false\nbird: {form: define, file: x.conf}\n',
  });
  t.match(await run(['peer', 'drain', 'tor-1'], bird), {
    code: 1,
    stderr: /no peers of ours without a `bgp` block; the peers here are those of BIRD .*eip-health drain`\n$/,
  });
});

t.test('peers and routes are tables of status', async (t) => {
  const folder = folderWith({'eip-health.yaml': bgp});
  t.match(await run(['peers'], folder), {code: 5, stdout: '', stderr: /no eip-health runs here/});
  t.match(await run(['routes'], folder), {code: 5, stdout: ''});
  t.match(await run(['peers', 'tor-1'], folder), {code: 2, stderr: /too many arguments/});
  let answer = buildStatus(sampleInput);
  const server = createApiServer({
    path: join(folder, 'x.sock'),
    handlers: {status: () => answer},
    clock: systemClock,
    emit: () => {},
  });
  await server.start();
  t.teardown(() => server.stop());
  t.same(await run(['peers'], folder), {
    code: 0,
    stdout: `
PEER    STATE        SINCE     AS  ADDRESS       SENT  RECEIVED  WHY
nrec-1  established  4h     65535  10.255.255.1     2         0
nrec-2  active       5s            10.255.255.2     0         0  connect ECONNREFUSED 10.255.255.2:179
`.slice(1),
    stderr: '',
  });
  const routes = await run(['routes'], folder);
  t.match(routes.stdout, /^ROUTE +OF +KERNEL +NEXT HOP +MED +ANNOUNCED TO\n192\.168\.0\.16\/32 +web /);
  t.match(routes.stdout, /\n {2}nrec-2: no global IPv6 address on eth0\n$/);
  t.same(JSON.parse((await run(['peers', '--json'], folder)).stdout), answer.peers);
  t.same(JSON.parse((await run(['routes', '--json'], folder)).stdout), answer.routes);
  answer = {...answer, peers: [], routes: []};
  t.match(await run(['peers'], folder), {
    code: 0,
    stdout: /^no peers: the embedded speaker is not configured/,
  });
  t.match(await run(['routes'], folder), {code: 0, stdout: /^nothing is to be announced now/});
  t.same(JSON.parse((await run(['routes', '--json'], folder)).stdout), []);
});

/** BFD authentication (RFC 5880 §6.7) with BIRD: every type, and what is seen where the two sides do not agree. */

import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import t from 'tap';
import {Agent} from '../lab/agent.js';
import {Bird} from '../lab/bird.js';
import {startHealth} from '../lab/health.js';
import {Lab} from '../lab/lab.js';
import {startRouter} from '../lab/router.js';
import {star} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';

const [agentAs, routerAs] = [4200000001, 65000];
const [password, wrong] = ['hush-hush', 'hash-hash'];
const bfdMs = 300;

interface Pair {
  readonly name: string;
  /** Keys of our `authentication`. */
  readonly ours: string;
  /** On its interface in BIRD's `protocol bfd`. */
  readonly theirs: string;
  /** What status says of what comes from BIRD; null: BFD comes up. */
  readonly refused: RegExp | null;
}

const bird = (type: string, more = '') => `authentication ${type}; password "${password}" ${more};`;
const agreed: readonly Pair[] = [
  ['simple', 'simple'],
  ['keyed-md5', 'keyed md5'],
  ['meticulous-keyed-md5', 'meticulous keyed md5'],
  ['keyed-sha1', 'keyed sha1'],
  ['meticulous-keyed-sha1', 'meticulous keyed sha1'],
].map(([type, theirs = '']) => ({
  name: `${type}`,
  ours: `type: ${type}, password: ${password}`,
  theirs: bird(theirs),
  refused: null,
}));
const pairs: readonly Pair[] = [
  ...agreed,
  {
    name: 'another-id',
    ours: `type: keyed-sha1, key_id: 9, password_file: bfd.key`,
    theirs: bird('keyed sha1', '{ id 9; }'),
    refused: null,
  },
  {
    name: 'wrong-password',
    ours: `type: meticulous-keyed-sha1, password: ${wrong}`,
    theirs: bird('meticulous keyed sha1'),
    refused: /^packets are refused: wrong password$/,
  },
  {
    name: 'wrong-simple',
    ours: `type: simple, password: ${wrong}`,
    theirs: bird('simple'),
    refused: /^packets are refused: wrong password$/,
  },
  {
    name: 'wrong-type',
    ours: `type: keyed-sha1, password: ${password}`,
    theirs: bird('keyed md5'),
    refused: /^packets are refused: it authenticates with keyed-md5, not keyed-sha1$/,
  },
  {
    name: 'wrong-id',
    ours: `type: keyed-sha1, key_id: 3, password: ${password}`,
    theirs: bird('keyed sha1', '{ id 4; }'),
    refused: /^packets are refused: its password has the ID 4, ours 3$/,
  },
  {
    name: 'only-ours',
    ours: `type: keyed-sha1, password: ${password}`,
    theirs: '',
    refused: /^packets are refused: it does not authenticate, keyed-sha1 is expected$/,
  },
  {
    name: 'only-theirs',
    ours: '',
    theirs: bird('keyed sha1'),
    refused: /^packets are refused: it authenticates, which is not expected here$/,
  },
];

t.test("BIRD's BFD with passwords", async (t) => {
  t.setTimeout(90_000);
  const lab = await Lab.create(t);
  const {host, hostLoopback6, spokes} = await star(lab, 1);
  const [spoke] = spokes;
  if (!spoke) throw new Error('the star has no spoke');
  // BIRD has passwords for links, and one for all that is multihop.
  const direct = pairs.map((pair, i) => ({
    ...pair,
    link: `p${i}`,
    local: `10.48.${i}.1`,
    remote: `10.48.${i}.2`,
  }));
  for (const {link, local, remote} of direct) {
    await lab.link(
      {in: host, name: link, addresses: [`${local}/24`]},
      {in: spoke.namespace, name: link, addresses: [`${remote}/24`]},
    );
  }
  const multihop = {
    name: 'multihop6',
    ours: `type: meticulous-keyed-sha1, password: ${password}`,
    theirs: bird('meticulous keyed sha1'),
    refused: null,
    link: null,
    local: hostLoopback6,
    remote: spoke.loopback6,
  };
  const paths = [...direct, multihop];
  const router = await startRouter(lab, Bird, spoke.namespace, {
    as: routerAs,
    routerId: spoke.loopback,
    neighbors: paths.map(({link, local, remote, theirs}) => ({
      address: local,
      localAddress: remote,
      remoteAs: agentAs,
      ...(link === null && {multihop: 4}),
      bfdMs,
      bfdOn: {link, options: theirs},
    })),
  });
  await startHealth(lab, host, 8080);
  const peers = paths.map(
    ({link, name, local, remote, ours}) => `
    - name: ${name}
      address: "${remote}"
      local_address: "${local}"
      remote_as: ${routerAs}
      multihop: ${link === null}
      bfd: {strict: ${name === 'wrong-password'}, authentication: ${ours === '' ? 'false' : `{${ours}}`}}`,
  );
  const agent = await Agent.withFiles(lab, host, {
    'eip-health.yaml': `
router_id: ${spoke.hostAddress}
log: {format: json, level: debug}
defaults: {interval: 1s, rise: 1}
bgp:
  local_as: ${agentAs}
  connect_retry: 1s
  peers:${peers.join('')}
`,
    'bfd.key': `${password}\n`,
    'conf.d/web.yaml': `
prefixes: [192.0.2.1]
check: {type: http, url: "http://127.0.0.1:8080/"}
`,
  });
  await agent.start();

  const settle = () =>
    waitFor(
      'every session to be up, or refused',
      () => agent.status(),
      (status) =>
        paths.every(({name, refused}) => {
          const peer = status.peers.find((each) => each.name === name);
          const isBgpUp = peer?.state === 'established';
          if (refused === null) return peer?.bfd === 'up' && peer.bfd_reason === null && isBgpUp;
          return (
            peer?.bfd === 'down' &&
            refused.test(peer.bfd_reason ?? '') &&
            isBgpUp === (name !== 'wrong-password')
          );
        }),
      40_000,
    );

  await t.test('every type; and what does not fit is said', async (t) => {
    const {peers} = await settle();
    t.equal(peers.filter(({bfd}) => bfd === 'up').length, 7);
    const [held] = peers.filter(({name}) => name === 'wrong-password');
    t.match(held?.last_error, 'waits for bfd, which is down: packets are refused: wrong password');
    const states = await router.ask('show bfd sessions');
    for (const {local, name, refused} of paths) {
      const isUp = new RegExp(`^${local.replaceAll('.', '\\.')} .* Up `, 'm').test(states);
      t.equal(isUp, refused === null, `${name}, as BIRD sees it`);
    }
  });

  await t.test('an agent that begins anew: its sequence numbers are others', async (t) => {
    await agent.kill();
    await agent.start();
    const {peers} = await settle();
    t.equal(peers.length, paths.length);
    await router.stop();
    await router.start();
    t.equal((await settle()).peers.length, paths.length, 'and a BIRD that does');
  });

  await t.test('a refusal is logged once; a password never', async (t) => {
    const lines = agent.log.filter(({msg}) => /^bfd session only-ours: packets/.test(msg));
    t.match(lines, [
      {
        level: 'warn',
        msg: /packets of the peer are refused: it does not authenticate, keyed-sha1 is expected$/,
      },
    ]);
    t.equal(lines.length, 1);
    const yaml = await readFile(join(agent.folder, 'eip-health.yaml'), 'utf8');
    await agent.write('eip-health.yaml', yaml.replaceAll(wrong, password));
    await agent.cli('reload');
    await waitFor(
      'the sessions with the right password',
      () => agent.status(),
      ({peers}) =>
        peers.every(
          ({bfd, name, state}) => !name.startsWith('wrong-p') || (bfd === 'up' && state === 'established'),
        ),
    );
    const printed = [
      await agent.cli('validate', '--print'),
      await agent.cli('status'),
      JSON.stringify(await agent.status()),
      agent.output,
    ];
    t.match(agent.output, /bfd password changed/);
    for (const text of printed) t.notMatch(text, new RegExp(`${password}|${wrong}`));
  });
});

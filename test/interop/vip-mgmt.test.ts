/**
 * `vip_mgmt` as its document has it: an operator's own bgpd.conf with route-maps, a VIP taken out and put back by name,
 * on a host where nothing else runs; what counts is what the router beside it has.
 */

import {execFile} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {mkdir, symlink, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import t from 'tap';
import {cleanUp, type Ended, program} from '../cli/command-line.js';
import {Bird} from '../lab/bird.js';
import {DrivenFrr} from '../lab/driven-frr.js';
import {Lab} from '../lab/lab.js';
import {startRouter} from '../lab/router.js';
import {Rsyslog} from '../lab/rsyslog.js';
import {star} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';
import {root} from '../root.js';

const [hostAs, routerAs] = [65001, 65002];
const vips = ['192.0.2.1/32', '192.0.2.2/32', '2001:db8::1/128', '2001:db8::2/128'];

/** The example for such hosts, with the neighbor and the AS number of this place. */
const example = readFileSync(join(root, 'conf.d/examples/quagga-lvs/frr.conf'), 'utf8');
const operatorsOwn = example
  .replaceAll('64699', String(hostAs))
  .replace(/^ +neighbor .*\n/gm, '')
  .replace(/^router bgp .*$/m, '$&\n no bgp network import-check');

t.teardown(cleanUp);

t.test("a VIP is deleted and added by its name, with the operator's route-maps", async (t) => {
  const lab = await Lab.create(t);
  const {host, spokes} = await star(lab, 1);
  const [spoke] = spokes;
  if (!spoke) throw new Error('the star has no spoke');
  const router = await startRouter(lab, Bird, spoke.namespace, {
    as: routerAs,
    routerId: spoke.loopback,
    neighbors: [{address: spoke.hostAddress, remoteAs: hostAs}],
  });
  const frr = lab.add(
    new DrivenFrr(host, await lab.newFolder('driven'), {
      as: hostAs,
      routerId: spoke.hostAddress,
      neighbors: [{address: spoke.address, remoteAs: routerAs, passive: false}],
      extra: operatorsOwn,
    }),
  );
  await frr.start();
  const rsyslog = lab.add(new Rsyslog(host, await lab.newFolder('rsyslog')));
  await rsyslog.start();
  const folder = await lab.newFolder('vip');
  const hosts = join(folder, 'hosts');
  await writeFile(
    hosts,
    '192.0.2.1 vip-1.tld\n192.0.2.2 vip-1.tld\n2001:db8::1 vip-1.tld\n2001:db8::2 vip-1.tld\n203.0.113.1 other.tld\n',
  );
  const link = join(folder, 'vip_mgmt');
  await symlink(program, link);
  await mkdir(join(folder, 'etc'));
  const main = (keys: string) =>
    writeFile(
      join(folder, 'etc/eip-health.yaml'),
      `conf_d: false\nstate_dir: ${folder}/state\ncontrol_socket: ${folder}/x.sock\n` +
        `allow: [192.0.2.0/24, "2001:db8::/32"]\nfrr: {vty_sockets: ${frr.sockets}, ${keys}}\n` +
        `log: {syslog: {target: "unix:${rsyslog.socket}"}}\n`,
    );
  await main('only_configured: true');

  /** In the folder of the configuration, and with a hosts file of its own. */
  const vipMgmt = (...words: string[]): Promise<Ended> =>
    new Promise((resolve) => {
      const script = `mount --bind ${hosts} /etc/hosts && cd ${folder}/etc && exec "$0" "$@"`;
      const argv = ['netns', 'exec', host.name, 'unshare', '-m', 'sh', '-c', script, link, ...words];
      execFile('ip', argv, (error, stdout, stderr) => {
        resolve({code: error === null ? 0 : Number(error.code), stdout, stderr});
      });
    });
  const routerHas = async (...prefixes: string[]): Promise<string[]> => {
    const seen = await waitFor(
      `the router to have ${prefixes.join(', ') || 'nothing'}`,
      async () => [...(await router.routes('ipv4')), ...(await router.routes('ipv6'))],
      (routes) =>
        routes
          .map(({prefix}) => prefix)
          .toSorted()
          .join() === prefixes.toSorted().join(),
    );
    return seen.map(({prefix, asPath}) => `${prefix} ${asPath.length}`).toSorted();
  };
  const before = ['192.0.2.1/32 2', '192.0.2.2/32 3', '2001:db8::1/128 2', '2001:db8::2/128 3'];
  t.same(await routerHas(...vips), before);

  t.match(await vipMgmt('-d', 'vip-1.tld'), {
    code: 0,
    stdout: '',
    stderr: vips.map((prefix) => `bgp_mgt: Deleting route to ${prefix}\n`).join(''),
  });
  await routerHas();
  t.match(await vipMgmt('-d', 'vip-1.tld'), {
    code: 0,
    stdout: vips.map((prefix) => `Route ${prefix} already removed\n`).join(''),
    stderr: '',
  });
  t.match(await vipMgmt('-a', '192.0.2.2'), {
    code: 0,
    stdout: '',
    stderr: 'bgp_mgt: Adding route to 192.0.2.2/32\n',
  });
  t.same(await routerHas('192.0.2.2/32'), ['192.0.2.2/32 3'], "the operator's own line, as it was");
  t.match(await vipMgmt('-a', 'vip-1.tld'), {
    code: 0,
    stdout: 'Route 192.0.2.2/32 already exists\n',
    stderr: vips
      .filter((prefix) => prefix !== '192.0.2.2/32')
      .map((prefix) => `bgp_mgt: Adding route to ${prefix}\n`)
      .join(''),
  });
  t.same(await routerHas(...vips), before);
  t.same((await frr.lines(/^network /)).length, 4);

  await rsyslog.message('Adding route to 2001:db8::2/128');
  const told = rsyslog.messages.filter(({app}) => app === 'bgp_mgt');
  t.same(
    told.map(({text}) => text),
    [
      ...vips.map((prefix) => `Deleting route to ${prefix}`),
      ...['192.0.2.2/32', '192.0.2.1/32', '2001:db8::1/128', '2001:db8::2/128'].map(
        (prefix) => `Adding route to ${prefix}`,
      ),
    ],
    'as logger(1) was told',
  );
  t.match(told[0], {pid: '-', priority: 'user.notice'});
  await rsyslog.message('192.0.2.1/32 held out by');

  t.match(await vipMgmt('-a', '192.0.2.9'), {
    code: 255,
    stderr: /192\.0\.2\.9\/32 was not added: FRR's configuration has no "network 192\.0\.2\.9\/32"/,
  });
  t.match(await vipMgmt('-a', 'other.tld'), {
    code: 255,
    stderr: 'vip_mgmt: other.tld: 203.0.113.1/32 may not be announced: `allow` does not hold it\n',
  });
  t.same(await routerHas(...vips), before);
  await main('only_configured: false');
  t.match(await vipMgmt('-a', '192.0.2.9'), {code: 0, stderr: 'bgp_mgt: Adding route to 192.0.2.9/32\n'});
  await routerHas(...vips, '192.0.2.9/32');
  t.match(await vipMgmt('-d', '192.0.2.9'), {code: 0, stderr: 'bgp_mgt: Deleting route to 192.0.2.9/32\n'});
  t.same(await routerHas(...vips), before, 'the others were left alone');
});

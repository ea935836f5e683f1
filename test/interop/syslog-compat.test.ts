/**
 * `log.syslog.compat`: realservers go and come, a VIP is taken out by hand, and a real rsyslogd has the lines that those
 * who watch vip_watchdog and vip_mgmt know, beside our own.
 */

import {existsSync} from 'node:fs';
import {chmod, symlink, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import t from 'tap';
import {cleanUp, program} from '../cli/command-line.js';
import {Lab} from '../lab/lab.js';
import {Rsyslog} from '../lab/rsyslog.js';
import {waitFor} from '../lab/wait.js';

t.teardown(cleanUp);

// In its place an `ipvsadm` says what IPVS has; a kernel that has IPVS is asked itself.
const skip = existsSync('/proc/net/ip_vs') && 'this kernel has an IPVS of its own';

function table(servers: number): string {
  const backends = Array.from({length: servers}, (_, i) => `  -> 10.0.0.${i + 1}:80  Masq  1  0  0\n`).join(
    '',
  );
  const services = ['192.0.2.1:80', '[2001:db8::1]:80'].map((address) => `TCP  ${address} rr\n${backends}`);
  return (
    'IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n' +
    `  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n${services.join('')}`
  );
}

const service = (vip: string) => `prefixes: ["${vip}"]
check: {type: ipvs, vip: "${vip}"}
interval: 1s
fast_interval: 100ms
rise: 1
fall: 1
`;

t.test('the lines of vip_watchdog and vip_mgmt, to the letter', {skip}, async (t) => {
  const lab = await Lab.create(t);
  const host = await lab.namespace('host');
  const rsyslog = lab.add(new Rsyslog(host, await lab.newFolder('rsyslog')));
  await rsyslog.start();
  const folder = await lab.newFolder('lvs');
  const file = (name: string) => join(folder, name);
  await writeFile(file('table'), table(2));
  await writeFile(file('ipvsadm'), `#!/bin/sh\ncat ${file('table')}\n`);
  await chmod(file('ipvsadm'), 0o755);
  await writeFile(
    file('eip-health.yaml'),
    `state_dir: ${file('state')}
control_socket: ${file('x.sock')}
conf_d: false
kernel: {routes: true}
log: {syslog: {target: "unix:${rsyslog.socket}", compat: vip_watchdog}}
---
name: four
${service('192.0.2.1')}---
name: six
${service('2001:db8::1')}`,
  );
  const env = {PATH: `${folder}:${process.env.PATH}`};
  const daemon = host.spawn([program, 'run', '--config', file('eip-health.yaml')], {env});
  lab.add({close: async () => void (await daemon.kill()), describe: () => daemon.describe()});
  let isStopped = false;
  /** What `egrep "bgp|vip"` would show, once there are so many of them; without those of our own tag. */
  const lines = async (count: number): Promise<string[]> => {
    const found = await waitFor(
      `${count} lines`,
      () => rsyslog.messages.filter(({app}) => app === 'bgp_mgt' || app === 'vip_watchdog'),
      (messages) => {
        if (!daemon.isRunning && !isStopped) throw new Error(daemon.describe());
        return messages.length >= count;
      },
    );
    for (const message of found) {
      t.match(message, {input: 'imuxsock', pid: '-', priority: 'user.notice', structured: '-'});
    }
    return found.map(({app, text}) => `${app}: ${text}`).sort();
  };
  const added = [
    'bgp_mgt: Adding route to 192.0.2.1/32',
    'bgp_mgt: Adding route to 2001:db8::1/128',
    'vip_watchdog: more than 1 realservers available behind 192.0.2.1 > add route',
    'vip_watchdog: more than 1 realservers available behind 2001:db8::1 > add route',
  ];
  const deleted = [
    'bgp_mgt: Deleting route to 192.0.2.1/32',
    'bgp_mgt: Deleting route to 2001:db8::1/128',
    'vip_watchdog: 0 realservers available behind 192.0.2.1 > delete route',
    'vip_watchdog: 0 realservers available behind 2001:db8::1 > delete route',
  ];
  t.same(await lines(4), added);
  await writeFile(file('table'), table(0));
  t.same(await lines(8), [...added, ...deleted].sort());
  await writeFile(file('table'), table(1));
  t.same(await lines(12), [...added, ...added, ...deleted].sort());

  await symlink(program, file('vip_mgmt'));
  const vipMgmt = (action: string) =>
    host.run(file('vip_mgmt'), action, '192.0.2.1', '--config', file('eip-health.yaml'));
  await vipMgmt('-d');
  const byHand = [...added, ...added, ...deleted, 'bgp_mgt: Deleting route to 192.0.2.1/32'];
  t.same(await lines(13), byHand.toSorted(), 'once, and of no realserver');
  await vipMgmt('-a');
  t.same(await lines(14), [...byHand, 'bgp_mgt: Adding route to 192.0.2.1/32'].sort());
  await rsyslog.message('192.0.2.1/32 let in again by');
  const inOrder = rsyslog.messages.map(({app, text}) => `${app}: ${text}`);
  const [why, done] = ['0 realservers available behind 192.0.2.1', 'Deleting route to 192.0.2.1'].map(
    (words) => inOrder.findIndex((line) => line.includes(words)),
  );
  t.ok((why ?? 0) < (done ?? 0), 'the reason comes first');
  t.ok(
    rsyslog.messages.some(({app, text}) => app === 'eip-health' && text.startsWith('service four down')),
    'beside our own',
  );

  // The same from rounds of the watchdog, which remember of each other only what lies in state_dir.
  isStopped = true;
  await daemon.stop();
  const known = (await lines(16)).length;
  const round = async (servers: number): Promise<void> => {
    await writeFile(file('table'), table(servers));
    const words = [program, 'watchdog', '--once', '--config', file('eip-health.yaml')];
    await host.spawn(words, {env}).exited;
  };
  const sinceThen = (): string[] =>
    rsyslog.messages
      .filter(({app}) => app === 'bgp_mgt' || app === 'vip_watchdog')
      .map(({app, text}) => `${app}: ${text}`)
      .slice(known)
      .sort();
  await round(1);
  await lines(known + 4);
  t.same(sinceThen(), added);
  await round(1);
  await round(0);
  await lines(known + 8);
  t.same(sinceThen(), [...added, ...deleted].sort(), 'the round in between had nothing to say');
});

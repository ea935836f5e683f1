/** The log of a whole agent in a real rsyslogd, on every way there is, changed live from one to the next. */

import {rm, writeFile} from 'node:fs/promises';
import {hostname} from 'node:os';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {Agent} from '../lab/agent.js';
import {Lab} from '../lab/lab.js';
import {Rsyslog, rsyslogPorts} from '../lab/rsyslog.js';
import {waitFor} from '../lab/wait.js';
import {root} from '../root.js';

// Agents of this test trust the CA of the test's certificates, as a host's own Node would be told to.
process.env.NODE_EXTRA_CA_CERTS = join(root, 'test/fake/tls/ca.pem');

const host = hostname();
const isDown = 'service web down: 2 failures in a row';
const isUp = 'service web up: 2 successes in a row';

class Scene {
  private constructor(
    readonly agent: Agent,
    readonly rsyslog: Rsyslog,
    readonly flag: string,
    readonly logTo: (syslog: string) => Promise<void>,
  ) {}

  static async set(t: Test, firstTarget: (rsyslog: Rsyslog) => string): Promise<Scene> {
    const lab = await Lab.create(t);
    const namespace = await lab.namespace('host');
    const rsyslog = lab.add(new Rsyslog(namespace, await lab.newFolder('rsyslog')));
    await rsyslog.start();
    const flag = join(await lab.newFolder('flag'), 'up');
    await writeFile(flag, '');
    const main = (syslog: string) => `kernel: {}\nlog: {format: json, syslog: ${syslog}}\n`;
    const agent = await Agent.withFiles(lab, namespace, {
      'eip-health.yaml': main(firstTarget(rsyslog)),
      'conf.d/web.yaml':
        `prefixes: [192.0.2.1]\ncheck: {type: script, command: [test, -e, ${flag}], exit_map: {0: pass, "*": fail}}\n` +
        'interval: 1s\nfast_interval: 100ms\ntimeout: 1s\nrise: 2\nfall: 2\n',
    });
    const logTo = async (syslog: string) => {
      const places = `state_dir: ${agent.folder}/state\ncontrol_socket: ${agent.folder}/control.sock\n`;
      await agent.write('eip-health.yaml', `${main(syslog)}${places}`);
      await agent.cli('reload');
    };
    await agent.start();
    await agent.waitForService('web', 'up');
    return new Scene(agent, rsyslog, flag, logTo);
  }

  async fail(): Promise<void> {
    await rm(this.flag);
    await this.agent.waitForService('web', 'down');
  }

  async recover(): Promise<void> {
    await writeFile(this.flag, '');
    await this.agent.waitForService('web', 'up');
  }

  /** So many messages with these words have come in that way. */
  async hears(input: string, words: string, count: number): Promise<void> {
    await waitFor(
      `${count} × "${words}" on ${input}`,
      () => this.rsyslog.messages.filter((each) => each.input === input && each.text.includes(words)),
      (found) => found.length === count,
    );
  }
}

t.test('UDP, TCP, TLS and a socket like /dev/log, one after the other', async (t) => {
  const scene = await Scene.set(t, () => `{target: "udp://127.0.0.1:${rsyslogPorts.udp}"}`);
  const {agent, rsyslog, logTo} = scene;
  t.match(await rsyslog.message(isUp), {
    input: 'imudp',
    host,
    app: 'eip-health',
    pid: /^\d+$/,
    priority: 'daemon.info',
    structured: '[eip-health@32473 service="web"]',
  });
  await scene.fail();
  t.match(await rsyslog.message(isDown), {input: 'imudp', priority: 'daemon.warning'});
  t.match(await rsyslog.message('add address 192.0.2.1/32 to lo'), {
    structured: '[eip-health@32473 prefix="192.0.2.1/32"]',
  });

  await logTo(`{target: "tcp://127.0.0.1:${rsyslogPorts.tcp}", facility: local3, tag: anycast}`);
  await scene.recover();
  await scene.hears('imtcp', isUp, 1);
  t.match(rsyslog.messages.at(-1), {
    input: 'imtcp',
    host,
    app: 'anycast',
    priority: 'local3.info',
    text: /^(service web up: 2 successes in a row|add address)/,
  });

  await logTo(`{target: "tls://localhost:${rsyslogPorts.tls}"}`);
  await scene.fail();
  await scene.hears('imtcp', isDown, 1);
  t.match(
    rsyslog.messages.find(({input, text}) => input === 'imtcp' && text.startsWith(isDown)),
    {
      app: 'eip-health',
      priority: 'daemon.warning',
      structured: '[eip-health@32473 service="web"]',
    },
  );

  await logTo(`{target: "unix:${rsyslog.socket}"}`);
  await scene.recover();
  await scene.hears('imuxsock', isUp, 1);
  t.match(
    rsyslog.messages.find(({input}) => input === 'imuxsock'),
    {app: 'eip-health', pid: /^\d+$/, priority: 'daemon.info', structured: '-'},
    'as syslog(3) would have written it',
  );

  await logTo('{target: "udp://127.0.0.1:5514", format: rfc3164, facility: user}');
  await scene.fail();
  await scene.hears('imudp', isDown, 2);
  t.match(rsyslog.messages.at(-1), {input: 'imudp', host: host.split('.')[0], priority: /^user\./});

  await agent.stop();
  t.match((await rsyslog.message('stopped')).input, 'imudp', 'the last words arrive');
});

t.test('a log daemon that is away holds nothing up, and hears later what happened', async (t) => {
  for (const target of ['unix', 'tcp']) {
    const scene = await Scene.set(t, ({socket}) =>
      target === 'unix' ? `{target: "unix:${socket}"}` : `{target: "tcp://127.0.0.1:${rsyslogPorts.tcp}"}`,
    );
    const {rsyslog} = scene;
    await rsyslog.message(isUp);
    await rsyslog.stop();
    await scene.fail();
    await scene.recover();
    await waitFor(
      'the agent to notice',
      () => scene.agent.log.map(({msg}) => msg),
      (said) => said.some((msg) => /^system log .*: messages wait$/.test(msg)),
    );
    await rsyslog.start();
    await rsyslog.message('is back', 30_000);
    await scene.hears(target === 'unix' ? 'imuxsock' : 'imtcp', isUp, 2);
    const heard = rsyslog.messages.map(({text}) => text).join('\n');
    t.match(
      heard,
      new RegExp(`${isUp}[^]*${isDown}[^]*${isUp}[^]*is back`),
      `${target}: in the order of events`,
    );
  }
});

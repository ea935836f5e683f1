/** `vip_mgmt`: what it says and ends with. With a real FRR: test/interop/vip-mgmt.test.ts. */

import {readFileSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {runVipMgmt} from '../../agent/cli/vip-mgmt.js';
import {LookupError} from '../../agent/io/dns.js';
import {FakeTerminal} from '../fake/terminal.js';
import {cleanUp, folderWith, program, shell} from './command-line.js';

t.teardown(cleanUp);

const names: Readonly<Record<string, readonly string[]>> = {'vip.tld': ['192.0.2.1', '2001:db8::1']};

async function vipMgmt(folder: string | null, ...words: string[]) {
  const terminal = new FakeTerminal();
  const lookUp = async (name: string) => {
    const found = names[name];
    if (!found) throw new LookupError('there is no such name');
    return found;
  };
  const config = folder === null ? [] : ['--config', join(folder, 'eip-health.yaml')];
  const code = await runVipMgmt([...words, ...config], terminal, lookUp);
  return {code, stdout: terminal.stdout, stderr: terminal.stderr};
}

const main = 'state_dir: state\ncontrol_socket: x.sock\nrouter_id: 192.0.2.250\n';
const service = 'prefixes: [192.0.2.1, "2001:db8::1"]\ncheck: {type: script, command: "true"}\n';

t.test('wrong usage', async (t) => {
  for (const words of [[], ['-a'], ['-x', 'vip.tld'], ['-h', 'vip.tld'], ['--help']]) {
    t.match(await vipMgmt(null, ...words), {
      code: 255,
      stdout: /^ {3}vip_mgmt \[-a\|-d\] <vip_name>$/m,
      stderr: '',
    });
  }
});

t.test('a name that cannot be looked up', async (t) => {
  const folder = folderWith({'eip-health.yaml': `${main}frr: {}\n`});
  t.match(await vipMgmt(folder, '-d', 'gone.tld'), {
    code: 255,
    stdout: 'Unable to lookup gone.tld. Exiting..\n',
    stderr: 'vip_mgmt: cannot look up gone.tld: there is no such name; nothing was changed\n',
  });
});

t.test('nothing to act on', async (t) => {
  const folder = folderWith({'eip-health.yaml': `${main}kernel: {}\n`});
  t.match(await vipMgmt(folder, '-a', 'vip.tld'), {
    code: 255,
    stdout: '',
    stderr:
      /^vip_mgmt: .*eip-health\.yaml has no services and no `frr` block: write `frr: \{\}` to act on FRR directly\n$/,
  });
  const broken = folderWith({'eip-health.yaml': 'kernel: 1\n'});
  t.match(await vipMgmt(broken, '-a', 'vip.tld'), {code: 255, stderr: /the configuration is broken/});
});

t.test('with services it holds their prefixes out', async (t) => {
  const folder = folderWith({'eip-health.yaml': main, 'conf.d/web.yaml': service});
  const holds = () => Object.keys(JSON.parse(readFileSync(join(folder, 'state/admin.json'), 'utf8')).holds);
  t.match(await vipMgmt(folder, '-d', 'vip.tld'), {
    code: 0,
    stdout: 'Route 192.0.2.1/32 already removed\nRoute 2001:db8::1/128 already removed\n',
  });
  t.same(holds(), ['192.0.2.1/32', '2001:db8::1/128']);
  t.match(await vipMgmt(folder, '-a', '192.0.2.1'), {
    code: 0,
    stderr:
      'vip_mgmt: 192.0.2.1/32 returns when the checks of web pass\nbgp_mgt: Adding route to 192.0.2.1/32\n',
  });
  t.same(holds(), ['2001:db8::1/128']);
  t.match(await vipMgmt(folder, '-d', '192.0.2.9'), {
    code: 255,
    stderr: 'vip_mgmt: 192.0.2.9/32 is of no service\n',
  });
});

t.test('a link with its name is the program', async (t) => {
  const folder = folderWith({'eip-health.yaml': `${main}frr: {}\n`});
  symlinkSync(program, join(folder, 'vip_mgmt'));
  t.match(await shell(`${folder}/vip_mgmt -h`), {
    code: 255,
    stdout: /Add\/Remove VIP announces from the BGP router/,
  });
  symlinkSync(join(folder, 'vip_mgmt'), join(folder, 'eip'));
  t.match(await shell(`${folder}/eip version`), {code: 0, stdout: /^eip-health /});
});

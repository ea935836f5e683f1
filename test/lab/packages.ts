/** The programs that tests with real daemons and kernels need, and how a Debian machine gets them. */

import {execFile, spawn} from 'node:child_process';
import {access, chmod, readFile, rename, rm, writeFile} from 'node:fs/promises';
import {promisify} from 'node:util';

/** Folders of tests that need more than Node. */
export type LabTests = 'interop' | 'ipvs';

/** Debian package → a file it installs. */
type Packages = ReadonlyMap<string, string>;

const forInterop: Packages = new Map([
  ['iproute2', '/sbin/ip'],
  ['nftables', '/usr/sbin/nft'],
  ['bird2', '/usr/sbin/bird'],
  ['frr', '/usr/lib/frr/bgpd'],
  ['gobgpd', '/usr/bin/gobgpd'],
  ['openbgpd', '/usr/sbin/bgpd'],
  ['exabgp', '/usr/sbin/exabgp'],
  ['rsyslog', '/usr/sbin/rsyslogd'],
  // Its module lies in a folder named after the machine.
  ['rsyslog-openssl', '/usr/share/doc/rsyslog-openssl/copyright'],
]);

/** The kernel with IPVS brings its own; the programs that run on it are this machine's. */
const forIpvs: Packages = new Map([
  ['user-mode-linux', '/usr/bin/linux.uml'],
  ['iproute2', '/sbin/ip'],
  ['kmod', '/sbin/modprobe'],
  ['ipvsadm', '/sbin/ipvsadm'],
  ['keepalived', '/usr/sbin/keepalived'],
  ['bird2', '/usr/sbin/bird'],
  ['frr', '/usr/lib/frr/bgpd'],
]);

const policy = '/usr/sbin/policy-rc.d';
const savedPolicy = `${policy}.before-eip-health`;
const mark = '# written by the tests of eip-health';

/** Why these tests cannot run here; null when they can. Installs what is missing where that is allowed. */
export async function prepare(tests: LabTests, say: (line: string) => void): Promise<string | null> {
  return tests === 'interop' ? prepareInterop(say) : prepareIpvs(say);
}

async function prepareInterop(say: (line: string) => void): Promise<string | null> {
  if (process.platform !== 'linux') return 'interop needs Linux with network namespaces';
  if (process.getuid?.() !== 0) {
    const missing = await missingOf(forInterop);
    return `interop needs root (sudo npm test)${missing.length > 0 ? `, and: ${commandFor(missing)}` : ''}`;
  }
  return (await providePackages('interop', forInterop, say)) ?? namespaceProblem();
}

/** The kernel is a process like others: once everything is installed, it needs no root. */
async function prepareIpvs(say: (line: string) => void): Promise<string | null> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return 'a kernel with IPVS is started as user-mode Linux, which exists for Linux on x86-64';
  }
  return providePackages('a kernel with IPVS', forIpvs, say);
}

/** Installs what is missing; answers why that is not possible. */
async function providePackages(
  who: string,
  packages: Packages,
  say: (line: string) => void,
): Promise<string | null> {
  const missing = await missingOf(packages);
  if (missing.length === 0) return null;
  const install = commandFor(missing);
  if (process.getuid?.() !== 0) return `${who} needs: ${install}`;
  if (process.env.EIP_NO_APT === '1') return `EIP_NO_APT=1 is set; install by hand: ${install}`;
  if (!(await exists('/usr/bin/apt-get'))) return `this is no Debian; ${who} needs: ${missing.join(' ')}`;
  say(`installing the missing packages: ${install}`);
  const failed = await withoutDaemons(() => aptInstall(missing));
  return failed ? `${failed}; try: apt-get update && ${install}` : null;
}

async function missingOf(packages: Packages): Promise<string[]> {
  const missing: string[] = [];
  for (const [name, file] of packages) if (!(await exists(file))) missing.push(name);
  return missing;
}

function commandFor(missing: readonly string[]): string {
  return `apt-get install --no-install-recommends ${missing.join(' ')}`;
}

async function aptInstall(packages: readonly string[]): Promise<string | null> {
  const install = ['install', '--yes', '--no-install-recommends', ...packages];
  if ((await apt(install)) === 0) return null;
  // A fresh machine has no lists, an old one lists of what is no longer there.
  if ((await apt(['update'])) !== 0) return 'apt-get update failed';
  return (await apt(install)) === 0 ? null : 'apt-get install failed';
}

function apt(args: readonly string[]): Promise<number | null> {
  const env = {...process.env, DEBIAN_FRONTEND: 'noninteractive'};
  const child = spawn('apt-get', ['--quiet', '-o', 'Dpkg::Use-Pty=0', ...args], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return new Promise((resolve) => {
    child.on('error', () => resolve(null));
    child.on('close', resolve);
  });
}

/** Keeps packages from starting the daemons they install (Debian policy 9.3.3.1, `policy-rc.d`) while `fn` runs. */
export async function withoutDaemons<T>(fn: () => Promise<T>): Promise<T> {
  await restorePolicy();
  if (await exists(policy)) await rename(policy, savedPolicy);
  // Ctrl-C reaches apt-get by itself; this process lives on to put the policy back.
  const ignore = () => undefined;
  process.on('SIGINT', ignore);
  process.on('SIGTERM', ignore);
  try {
    await writeFile(policy, `#!/bin/sh\n${mark}\nexit 101\n`);
    await chmod(policy, 0o755);
    return await fn();
  } finally {
    await restorePolicy();
    process.off('SIGINT', ignore);
    process.off('SIGTERM', ignore);
  }
}

/** Also repairs what an earlier run left that was killed half-way. */
async function restorePolicy(): Promise<void> {
  if (await exists(policy)) {
    if ((await readFile(policy, 'utf8')).includes(mark)) await rm(policy);
  }
  if (await exists(savedPolicy)) await rename(savedPolicy, policy);
}

async function namespaceProblem(): Promise<string | null> {
  const name = `eip${process.pid}-probe`;
  try {
    await promisify(execFile)('ip', ['netns', 'add', name]);
    await promisify(execFile)('ip', ['netns', 'del', name]);
    return null;
  } catch (error) {
    const text = error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error);
    return `interop needs to make network namespaces (CAP_SYS_ADMIN and CAP_NET_ADMIN): ${text}`;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

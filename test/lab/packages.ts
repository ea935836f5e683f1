/** The programs that interop needs, and how a Debian machine gets them. */

import {execFile, spawn} from 'node:child_process';
import {access, chmod, readFile, rename, rm, writeFile} from 'node:fs/promises';
import {promisify} from 'node:util';

/** Debian package → a file it installs. */
const needed: ReadonlyMap<string, string> = new Map([
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

const policy = '/usr/sbin/policy-rc.d';
const savedPolicy = `${policy}.before-eip-health`;
const mark = '# written by the tests of eip-health';

/** Why interop cannot run here; null when it can. Installs what is missing where that is allowed. */
export async function prepareInterop(say: (line: string) => void): Promise<string | null> {
  if (process.platform !== 'linux') return 'interop needs Linux with network namespaces';
  const missing = await missingPackages();
  const install = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0) {
    return `interop needs root (sudo npm test)${missing.length > 0 ? `, and: ${install}` : ''}`;
  }
  if (missing.length > 0) {
    if (process.env.EIP_NO_APT === '1') return `EIP_NO_APT=1 is set; install by hand: ${install}`;
    if (!(await exists('/usr/bin/apt-get'))) return `this is no Debian; interop needs: ${missing.join(' ')}`;
    say(`installing the missing packages: ${install}`);
    const failed = await withoutDaemons(() => aptInstall(missing));
    if (failed) return `${failed}; try: apt-get update && ${install}`;
  }
  return namespaceProblem();
}

export async function missingPackages(): Promise<string[]> {
  const missing: string[] = [];
  for (const [name, file] of needed) if (!(await exists(file))) missing.push(name);
  return missing;
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

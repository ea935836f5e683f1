/** Runs command lines: in this process, or as the real `bin/eip-health` on what was built with this test. */

import {type ChildProcess, spawn} from 'node:child_process';
import {copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {runCommand} from '../../agent/cli/index.js';
import {FakeTerminal} from '../fake/terminal.js';
import {root} from '../root.js';

/** A scratch folder; short, because sockets are made in it. */
export const folder = mkdtempSync(join(tmpdir(), 'eip-cli-'));

export function cleanUp(): void {
  rmSync(folder, {recursive: true, force: true});
}

/** Writes files below a new folder and gives its path. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const made = mkdtempSync(join(folder, 'c-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(made, name)), {recursive: true});
    writeFileSync(join(made, name), text);
  }
  return made;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in this process, with the `eip-health.yaml` of `config` where one is given. */
export async function run(
  args: readonly string[],
  config: string | null = null,
  terminal = new FakeTerminal(),
): Promise<Ended> {
  const named = config === null ? [] : ['--config', join(config, 'eip-health.yaml')];
  const code = await runCommand([...named, ...args], terminal);
  return {code, stdout: terminal.stdout, stderr: terminal.stderr};
}

/** The program as it lies in a package: `bin/` beside `dist/`, which is null where nothing was built. */
export function install(to: string, dist: string | null): string {
  const bin = join(to, 'bin/eip-health');
  mkdirSync(dirname(bin), {recursive: true});
  copyFileSync(join(root, 'bin/eip-health'), bin);
  writeFileSync(join(to, 'package.json'), '{"type": "module"}');
  if (dist !== null) symlinkSync(dist, join(to, 'dist'));
  return bin;
}

export const program = install(join(folder, 'package'), fileURLToPath(new URL('../..', import.meta.url)));

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when standard output has this in it; rejects when the program ends before. */
  said(text: string): Promise<void>;
}

const plain = {NO_COLOR: '1', PATH: process.env.PATH ?? '', HOME: folder};

/** Starts the program itself. */
export function start(
  args: readonly string[],
  cwd = folder,
  env: Readonly<Record<string, string>> = {},
): Running {
  return watch(spawn(program, args, {cwd, env: {...plain, ...env}, stdio: ['ignore', 'pipe', 'pipe']}));
}

/** Runs a line of bash in which `$eip` is the program. */
export function shell(line: string, cwd = folder): Promise<Ended> {
  const env = {...plain, eip: program};
  return watch(spawn('bash', ['-o', 'pipefail', '-c', line], {cwd, env, stdio: ['ignore', 'pipe', 'pipe']}))
    .ended;
}

/** The same on a terminal of this size; what is written to its standard input is typed. */
export function onTerminal(
  line: string,
  {columns, rows}: {columns: number; rows: number},
  cwd = folder,
): Running {
  const command = `stty cols ${columns} rows ${rows}; ${line}`;
  const env = {...plain, NO_COLOR: '', TERM: 'xterm', SHELL: '/bin/sh', eip: program};
  return watch(spawn('script', ['-qec', command, '/dev/null'], {cwd, env, stdio: 'pipe'}));
}

function watch(child: ChildProcess): Running {
  let [stdout, stderr] = ['', ''];
  const waiting = new Set<() => void>();
  child.stdout?.on('data', (data: Buffer) => {
    stdout += data.toString();
    for (const look of waiting) look();
  });
  child.stderr?.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({code, stdout, stderr}));
  });
  const said = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!stdout.includes(text)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
      void ended.then(() =>
        reject(new Error(`the program ended without saying "${text}": ${stdout}${stderr}`)),
      );
    });
  return {child, ended, said};
}

/** Folders with a configuration for the watchdog, and what it has done to the kernel. */

import {mkdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {ipJson} from '../lab/own-network.js';
import {type Ended, folderWith, start} from './command-line.js';

/** Checks have all the time that a loaded machine may take. */
export const main = `state_dir: state
control_socket: x.sock
kernel: {routes: true}
defaults: {interval: 20s, timeout: 20s}
`;

/** Writes files of a place; FOLDER in them is its path. */
export function put(folder: string, file: string, text = ''): void {
  mkdirSync(dirname(join(folder, file)), {recursive: true});
  writeFileSync(join(folder, file), text.replaceAll('FOLDER', folder));
}

export function place(files: Readonly<Record<string, string>>): string {
  const folder = folderWith({'eip-health.yaml': main});
  for (const [file, text] of Object.entries(files)) put(folder, file, text);
  return folder;
}

/** A service that is up while the file of its name is there. */
export const service = (name: string, prefixes: string, more = ''): string =>
  `prefixes: [${prefixes}]\ncheck: {type: script, command: "test -e FOLDER/${name} || exit 2", exit_map: {0: pass, "*": fail}}\n${more}`;

export function once(folder: string, ...words: string[]): Promise<Ended> {
  return start(['watchdog', '--once', ...words], folder).ended;
}

/** The VIPs on lo, and those with a host route of ours. */
export function installed(): {readonly addresses: readonly string[]; readonly routes: readonly string[]} {
  const links = ipJson<{addr_info: {local: string; prefixlen: number}[]}[]>('address show lo');
  const routes = ['-4', '-6'].flatMap((family) =>
    ipJson<{dst: string}[]>(`${family} route show table main proto 153`),
  );
  return {
    addresses: links
      .flatMap(({addr_info}) => addr_info.map(({local}) => local))
      .filter((address) => address !== '127.0.0.1' && address !== '::1')
      .sort(),
    routes: routes.map(({dst}) => dst).sort(),
  };
}

export const nothing = {addresses: [], routes: []};

/** Of a round in which nothing changed. */
export const quiet = (code: number): Ended => ({code, stdout: '', stderr: ''});

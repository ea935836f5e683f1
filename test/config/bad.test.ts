import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {parseConfig} from '../../agent/config/parse.js';
import {root} from '../root.js';
import {fakeCheckTypes} from './fixture.js';

/*
 * Every bad/NAME.yaml has bad/NAME.txt with exactly what is said about it. `main-*` are main files (services stand
 * behind `---`); the others are service files under this one:
 */
const mainText = `
kernel: {}
bgp:
  local_as: 64512
  local_address: 10.0.0.2
  communities: {blue: "64512:100"}
  peers:
    - {name: r1, address: 10.0.0.1, remote_as: 64601}
    - {name: r2, address: 10.0.0.3, remote_as: internal, families: [ipv4]}
`;
const secrets: Readonly<Record<string, string>> = {
  'bgp.key': 'hush\n',
  'two-lines.key': 'hush\nhush\n',
  'empty.key': '\n',
};

const folder = join(root, 'test/config/bad');
const cases = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.slice(0, -'.yaml'.length));

export function complaintsAbout(name: string): string {
  const file = `/etc/${name}.yaml`;
  const text = readFileSync(join(folder, `${name}.yaml`), 'utf8');
  const sources = name.startsWith('main-')
    ? {main: {file, text}, services: []}
    : {main: {file: '/etc/eip-health.yaml', text: mainText}, services: [{file, text}]};
  const readFile = (path: string): string => {
    const secret = secrets[path.slice('/etc/'.length)];
    if (secret === undefined) throw new Error(`cannot read ${path}: no such file or folder`);
    return secret;
  };
  const {problems} = parseConfig(sources, readFile, {checkTypes: fakeCheckTypes});
  const lines = problems.map(({line, column, message, scope, severity}) => {
    return `${line}:${column} ${scope} ${severity}: ${message}\n`;
  });
  return lines.join('');
}

t.ok(cases.length >= 80, `${cases.length} cases`);
for (const name of cases) {
  t.test(name, (t) => {
    const said = complaintsAbout(name);
    t.equal(said, readFileSync(join(folder, `${name}.txt`), 'utf8'));
    t.not(said, '', 'something is wrong with it');
    t.notMatch(said, /hush/, 'no password is shown');
    t.end();
  });
}

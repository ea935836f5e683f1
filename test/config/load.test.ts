import {execFileSync} from 'node:child_process';
import {chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import t, {type Test} from 'tap';
import {type LoadOptions, type LoadResult, loadConfig, serviceFileNames} from '../../agent/config/load.js';
import {formatProblem} from '../../agent/config/report.js';
import {bgpMain, fakeCheckTypes} from './fixture.js';

const service = (prefix: string): string =>
  `prefixes: [${prefix}]\ncheck: {type: tcp, host: 127.0.0.1, port: 80}\n`;

/** Writes files below a fresh folder and loads them. */
function load(t: Test, files: Record<string, string | Buffer>, options: LoadOptions = {}) {
  const folder = t.testdir();
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(join(path, '..'), {recursive: true});
    writeFileSync(path, text);
  }
  return {folder, ...again(folder, options)};
}

function again(folder: string, options: LoadOptions = {}): LoadResult & {said: string[]; names: string[]} {
  const result = loadConfig({cwd: folder, checkTypes: fakeCheckTypes, ...options});
  const said = result.problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ''));
  return {...result, said, names: result.config?.services.map(({name}) => name) ?? []};
}

t.test('the main file here, and its folder of services by name', (t) => {
  const {config, files, folder, names, said} = load(t, {
    'eip-health.yaml': bgpMain,
    'conf.d/b.yaml': service('192.0.2.2'),
    'conf.d/a.yml': service('192.0.2.1'),
    'conf.d/C.yaml': service('192.0.2.3'),
    'conf.d/.hidden.yaml': 'broken: [',
    'conf.d/a.yaml~': 'broken: [',
    'conf.d/a.yaml.bak': 'broken: [',
    'conf.d/a.yaml.dpkg-old': 'broken: [',
    'conf.d/a.yaml.disabled': 'broken: [',
    'conf.d/#a.yaml#': 'broken: [',
    'conf.d/README.md': 'words',
  });
  t.same(said, []);
  t.same(names, ['C', 'a', 'b'], 'in the order of bytes, which no locale changes');
  t.same(
    files,
    ['eip-health.yaml', 'conf.d/C.yaml', 'conf.d/a.yml', 'conf.d/b.yaml'].map((name) => join(folder, name)),
  );
  t.equal(config?.file, join(folder, 'eip-health.yaml'));
  t.equal(config?.confD, join(folder, 'conf.d'));
  t.same(serviceFileNames(['z.yaml', 'y.yaml.swp', '.x.yaml', 'a.yaml']), ['a.yaml', 'z.yaml']);
  t.end();
});

t.test('a file that is named, with paths relative to it', (t) => {
  const {folder} = load(t, {
    'sub/other.yaml': `conf_d: ../services\nstate_dir: state\n${bgpMain.replace('multihop', 'password_file: k, multihop')}`,
    'sub/k': 'hush\n',
    'services/web.yaml': service('192.0.2.1'),
  });
  chmodSync(join(folder, 'sub/k'), 0o644);
  const {config, names, said} = again(folder, {configFile: 'sub/other.yaml'});
  t.match(said, [
    /warning: bgp\.peers\[0\]\.password_file: everybody on this host can read the password in sub\/k/,
  ]);
  t.same(names, ['web']);
  t.match(config?.stateDir, /sub\/state$/);
  t.equal(config?.bgp?.peers[0]?.password?.reveal(), 'hush');
  t.end();
});

t.test('no main file', (t) => {
  const folder = t.testdir();
  const {config, said} = again(folder, {configFile: 'missing.yaml'});
  t.equal(config, null);
  t.same(said, ['missing.yaml: error: cannot read missing.yaml: no such file or folder']);
  t.match(again(folder).said, [
    /^\/etc\/eip-health\/eip-health\.yaml: error: there is no configuration, here or in/,
  ]);
  t.end();
});

t.test('a main file that is no text, a folder, a FIFO', (t) => {
  const folder = t.testdir({'latin1.yaml': '', folder: {}});
  writeFileSync(join(folder, 'latin1.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe9, 0x0a]));
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  const cases: [string, RegExp][] = [
    ['latin1.yaml', /latin1\.yaml: it is no UTF-8 text/],
    ['folder', /folder: it is a folder/],
    ['fifo', /fifo: it is no regular file/],
    ['latin1.yaml/x', /x: a part of the path is no folder/],
  ];
  for (const [configFile, message] of cases) {
    const {config, said} = again(folder, {configFile});
    t.equal(config, null);
    t.equal(said.length, 1);
    t.match(said, [message]);
  }
  t.end();
});

t.test('service files that cannot be read are broken alone', (t) => {
  const {folder} = load(t, {
    'eip-health.yaml': bgpMain,
    'conf.d/good.yaml': service('192.0.2.1'),
    'conf.d/latin1.yaml': Buffer.from([0xff, 0xfe]),
  });
  mkdirSync(join(folder, 'conf.d/folder.yaml'));
  symlinkSync('/nowhere', join(folder, 'conf.d/dangling.yaml'));
  const {names, said, broken} = again(folder);
  t.same(names, ['good']);
  t.same(said, [
    'conf.d/dangling.yaml: error: cannot read conf.d/dangling.yaml: no such file or folder',
    'conf.d/folder.yaml: error: cannot read conf.d/folder.yaml: it is a folder',
    'conf.d/latin1.yaml: error: cannot read conf.d/latin1.yaml: it is no UTF-8 text',
  ]);
  t.equal(broken.length, 3);
  t.end();
});

t.test('the folder of services', (t) => {
  const {said, config} = load(t, {'eip-health.yaml': bgpMain});
  t.ok(config, 'the usual folder may be absent');
  t.match(said, [/^eip-health\.yaml: warning: there are no services: write them as \*\.yaml in conf\.d$/]);
  t.end();
});

t.test('a folder of services that is named must be there', (t) => {
  const {said, config, folder} = load(t, {'eip-health.yaml': `log: {}\nconf_d: services\n${bgpMain}`});
  t.equal(config, null, 'a reload must not take a lost mount for the end of every service');
  t.same(said, ['eip-health.yaml:2:9: error: conf_d: cannot read services: no such folder']);
  writeFileSync(join(folder, 'services'), '');
  t.match(again(folder).said, [/conf_d: cannot read services: a part of the path is no folder/]);
  t.end();
});

t.test('a folder of services that was there must not be gone at a reload, named or not', (t) => {
  const {config: previous, folder} = load(t, {
    'eip-health.yaml': bgpMain,
    'conf.d/a.yaml': service('192.0.2.1'),
  });
  rmSync(join(folder, 'conf.d'), {recursive: true});
  const {config, said} = again(folder, {previous});
  t.equal(config, null);
  t.same(said, [
    'eip-health.yaml: error: conf_d: cannot read conf.d: no such folder, and services of it run: empty it, or write `conf_d: false`',
  ]);
  mkdirSync(join(folder, 'conf.d'));
  t.same(again(folder, {previous}).names, [], 'an empty one is meant so');
  t.end();
});

t.test('no folder of services at all', (t) => {
  const {names, said} = load(t, {
    'eip-health.yaml': `conf_d: false\n${bgpMain}---\nname: web\n${service('192.0.2.1')}`,
    'conf.d/other.yaml': service('192.0.2.2'),
  });
  t.same(said, []);
  t.same(names, ['web']);
  t.match(load(t, {'eip-health.yaml': `conf_d: false\n${bgpMain}`}).said, [
    /no services: write them behind `---`/,
  ]);
  t.end();
});

t.test('a folder of services that cannot be read', (t) => {
  const {folder} = load(t, {'eip-health.yaml': bgpMain});
  symlinkSync('conf.d', join(folder, 'conf.d'));
  const {config, said} = again(folder);
  t.equal(config, null);
  t.same(said, ['eip-health.yaml: error: conf_d: cannot read conf.d: its symbolic links go in a circle']);
  t.end();
});

t.test('a reload from disk', (t) => {
  const {folder, config} = load(t, {
    'eip-health.yaml': bgpMain,
    'conf.d/a.yaml': service('192.0.2.1'),
    'conf.d/b.yaml': service('192.0.2.2'),
  });
  writeFileSync(join(folder, 'conf.d/a.yaml'), 'prefixes: [');
  rmSync(join(folder, 'conf.d/b.yaml'));
  t.same(again(folder, {previous: config}).names, ['a'], 'the broken one stays, the removed one goes');
  t.same(again(folder).names, []);
  t.end();
});

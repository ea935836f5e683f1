import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {floorOf, importsOf, linesAtMost, violations} from './floors.js';
import {root} from './root.js';

t.test('every source keeps to its floor', (t) => {
  const files = ['agent', 'checks', 'bin'].flatMap((folder) => filesBelow(folder).filter(isSource));
  t.ok(files.length > 40, `${files.length} files were found`);
  const found = files.flatMap((file) => violations(file, readFileSync(join(root, file), 'utf8')));
  t.same(found, []);
  t.end();
});

t.test('the repository stands on its own', (t) => {
  const outside = ['..', 'shared'].join('/');
  const files = filesBelow('.').filter((file) => file !== 'package-lock.json');
  t.ok(files.includes('README.md') && files.includes('test/floors.test.ts'));
  const mentions = files.filter((file) => readFileSync(join(root, file), 'utf8').includes(outside));
  t.same(mentions, [], `no file mentions ${outside}: a user does not have it`);
  t.end();
});

t.test('planted violations are found', (t) => {
  const upward: readonly (readonly [string, string, RegExp])[] = [
    [
      'agent/lib/duration.ts',
      "import {x} from '../config/parse.js';",
      /floor 0.*config\/parse\.ts \(floor 1\)/,
    ],
    ['agent/service/state.ts', "import type {X} from '../io/clock.js';", /floor 1.*floor 2/],
    ['agent/config/parse.ts', "import {x} from './load.js';", /upward/],
    ['agent/bgp/fsm.ts', "import {\n  a,\n  b,\n} from './session.js';", /upward/],
    ['agent/io/http.ts', "export * from '../announce/fanout.js';", /upward/],
    ['agent/api/server.ts', "const x = await import('../main.js');", /upward/],
    ['checks/tcp.ts', "import {x} from '../agent/announce/fanout.js';", /never see each other/],
    ['agent/announce/bgp.ts', "import {x} from '../../checks/index.js';", /never see each other/],
    ['agent/announce/bgp.ts', "import net from 'node:net';", /only agent\/io/],
    ['agent/config/load.ts', "import {readFile} from 'node:fs/promises';", /only agent\/io/],
    ['agent/config/load.ts', "import {readFile} from 'fs/promises';", /only agent\/io/],
    ['checks/script.ts', "import {execa} from 'execa';", /only agent\/io/],
    ['agent/cli/run.ts', "import 'koffi';", /only agent\/io/],
    ['bin/eip-health', "const fs = require('node:fs');", /only agent\/io/],
    ['agent/config/parse.ts', "import ipaddr from 'ipaddr.js';", /only agent\/lib\/prefix/],
    ['agent/types.ts', "import type {X} from './lib/prefix.js';", /import nothing/],
    ['agent/novel/thing.ts', '', /no floor/],
    ['agent/main.ts', "import {x} from './novel/thing.js';", /no floor/],
    ['agent/main.ts', '//\n'.repeat(linesAtMost + 1), /401 lines/],
  ];
  for (const [file, source, message] of upward) {
    t.match(violations(file, source).join('\n'), message, `${file}: ${source.slice(0, 60)}`);
  }
  t.end();
});

t.test('what is allowed passes', (t) => {
  const allowed: readonly (readonly [string, string])[] = [
    ['agent/io/files.ts', "import {readFile} from 'node:fs/promises';\nimport {x} from '../lib/x.js';"],
    ['agent/lib/prefix.ts', "import ipaddr from 'ipaddr.js';"],
    ['agent/bgp/session.ts', "import {step} from './fsm.js';\nimport {x} from '../io/clock.js';"],
    ['checks/http.ts', "import type {Check} from '../agent/types.js';\nimport {z} from 'zod';"],
    ['bin/eip-health', "import '../dist/agent/main.js';"],
    ['agent/main.ts', '//\n'.repeat(linesAtMost)],
  ];
  for (const [file, source] of allowed) t.same(violations(file, source), [], file);
  t.same(importsOf("// it is imported from 'x'\nconst text = 'import a from';"), []);
  t.equal(floorOf('agent/config/load.ts'), 3);
  t.end();
});

function isSource(file: string): boolean {
  return file.endsWith('.ts') || /^bin\/[^.]*$/.test(file);
}

/** Paths from the root of the repository; what is built, installed or git's own is left out. */
function filesBelow(folder: string): string[] {
  const ignored = /^(\.git|\.tap|node_modules|dist.*|\.eip-health)$/;
  return readdirSync(join(root, folder), {withFileTypes: true}).flatMap((entry) => {
    const path = folder === '.' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return ignored.test(entry.name) ? [] : filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {fakeContext, fakeFiles} from '../fake/check-context.js';
import {root} from '../root.js';
import {file} from './example.js';

t.test('the example of checks/README.md is this code', (t) => {
  const code = readFileSync(join(root, 'test/checks/example.ts'), 'utf8').replaceAll('../../checks/', './');
  t.ok(readFileSync(join(root, 'checks/README.md'), 'utf8').includes(`\`\`\`ts\n${code}\`\`\``));
  t.end();
});

t.test('and it works', async (t) => {
  const ctx = fakeContext({files: fakeFiles({'/run/up': 'yes\n', '/run/secret': new Error('EACCES')})});
  const run = (path: string, contains?: string) =>
    file.create({path, ...(contains === undefined ? {} : {contains})}).run(ctx);
  t.match(await run('/run/up'), {verdict: 'pass', reason: '/run/up is there', details: {characters: 4}});
  t.match(await run('/run/up', 'no'), {verdict: 'fail', reason: '/run/up does not contain "no"'});
  t.match(await run('/run/down'), {verdict: 'fail', reason: '/run/down does not exist'});
  t.match(await run('/run/secret'), {verdict: 'error', reason: 'EACCES'});
});

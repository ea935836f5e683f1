import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import {stringify} from 'yaml';
import {diffConfig, lines} from '../../agent/config/diff.js';
import {printConfig} from '../../agent/config/print.js';
import {root} from '../root.js';
import {plainConfig} from './arbitrary.js';
import {fakeCheckTypes, parseTexts} from './fixture.js';

let read = 0;

/** Reading a text, whatever is in it, ends with an answer that the rest of the program can use. */
function readsWithoutThrowing(text: string): void {
  for (const texts of [{main: text}, {files: {'web.yaml': text}}]) {
    const {config, problems} = parseTexts(texts);
    for (const {line, column, message} of problems) {
      if (line < 0 || column < 0 || message === '' || message.includes('undefined')) throw new Error(message);
    }
    if (config === null) continue;
    printConfig(config, fakeCheckTypes);
    lines(diffConfig(config, config));
  }
  read++;
}

const scraps = [
  '',
  'null',
  '[]',
  '{}',
  '{a: 1}',
  '-1',
  '1e99',
  '.inf',
  '"',
  '*x',
  '&x',
  '!!binary x',
  '---\n',
  '\n',
  '\t',
  ': ',
  '|',
];
const wrongValues = [
  null,
  [],
  {},
  [[]],
  {a: {b: 1}},
  -1,
  1e99,
  true,
  '',
  ' ',
  '*',
  '\u0000',
  '💥',
  'x'.repeat(300),
  [null],
  {'': ''},
];

t.test('texts with scraps in them (property)', (t) => {
  const folder = join(root, 'test/config/bad');
  const seeds = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  const texts = seeds.map((name) => readFileSync(join(folder, name), 'utf8'));
  t.ok(texts.length > 50);
  const mutation = fc.record({
    text: fc.constantFrom(...texts),
    cuts: fc.array(
      fc.record({
        at: fc.double({min: 0, max: 1, noNaN: true}),
        length: fc.nat(8),
        scrap: fc.constantFrom(...scraps),
      }),
      {
        minLength: 1,
        maxLength: 4,
      },
    ),
  });
  fc.assert(
    fc.property(mutation, ({text, cuts}) => {
      const mutated = cuts.reduce((whole, {at, length, scrap}) => {
        const offset = Math.floor(at * whole.length);
        return whole.slice(0, offset) + scrap + whole.slice(offset + length);
      }, text);
      readsWithoutThrowing(mutated);
    }),
    {numRuns: 200, seed: 1},
  );
  t.ok(read >= 200, `${read} texts`);
  t.end();
});

t.test('sound configurations with one wrong value (property)', (t) => {
  fc.assert(
    fc.property(plainConfig, fc.nat(), fc.constantFrom(...wrongValues), ({main, services}, pick, wrong) => {
      const spoiled = JSON.parse(JSON.stringify([main, ...services]));
      const places: [Record<string, unknown>, string][] = [];
      const walk = (value: unknown): void => {
        if (typeof value !== 'object' || value === null) return;
        for (const [key, inner] of Object.entries(value)) {
          places.push([value as Record<string, unknown>, key]);
          walk(inner);
        }
      };
      walk(spoiled);
      const [holder, key] = places[pick % places.length] ?? [spoiled, '0'];
      holder[key] = wrong;
      for (const document of spoiled) readsWithoutThrowing(stringify(document));
    }),
    {numRuns: 60, seed: 1},
  );
  t.ok(read >= 260, `${read} texts`);
  t.end();
});

t.test('any text at all (property)', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({unit: 'binary', maxLength: 80}),
        fc.array(fc.constantFrom(...scraps)).map((parts) => parts.join(' ')),
      ),
      (text) => readsWithoutThrowing(text),
    ),
    {numRuns: 150, seed: 1},
  );
  t.ok(read >= 410, `${read} texts`);
  t.end();
});

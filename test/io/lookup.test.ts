import t from 'tap';
import {createLookup, type Resolve} from '../../agent/io/lookup.js';

type Asked = Parameters<Resolve>;

/** A resolver that answers when the test says so. */
function slowResolver(): {asked: Asked[]; lookup: ReturnType<typeof createLookup>} {
  const asked: Asked[] = [];
  return {asked, lookup: createLookup((...call) => asked.push(call))};
}

function find(lookup: ReturnType<typeof createLookup>, name: string, options = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    lookup(name, options, (error, address, family) => (error ? reject(error) : resolve([address, family])));
  });
}

const both = [
  {address: '192.0.2.1', family: 4},
  {address: '2001:db8::1', family: 6},
];

t.test('a name that is being asked for is not asked again', async (t) => {
  const {asked, lookup} = slowResolver();
  const first = [find(lookup, 'web.example', {all: true}), find(lookup, 'web.example')];
  const other = find(lookup, 'web.example', {family: 6});
  t.strictSame(
    asked.map(([name, options]) => [name, options]),
    [
      ['web.example', {family: 0, all: true}],
      ['web.example', {family: 6, all: true}],
    ],
  );
  asked[0]?.[2](null, both);
  asked[1]?.[2](null, both.slice(1));
  t.strictSame(await Promise.all(first), [
    [both, undefined],
    ['192.0.2.1', 4],
  ]);
  t.strictSame(await other, ['2001:db8::1', 6]);
  const later = find(lookup, 'web.example');
  t.equal(asked.length, 3, 'nothing is remembered');
  asked[2]?.[2](Object.assign(new Error('getaddrinfo EAI_AGAIN web.example'), {code: 'EAI_AGAIN'}), []);
  await t.rejects(later, {code: 'EAI_AGAIN'});
});

t.test('localhost asks nobody', async (t) => {
  const {asked, lookup} = slowResolver();
  t.strictSame(await find(lookup, 'localhost'), ['127.0.0.1', 4]);
  t.strictSame(await find(lookup, 'Web.LocalHost.', {family: 6}), ['::1', 6]);
  t.strictSame(await find(lookup, 'localhost', {all: true, family: 'IPv4'}), [
    [{address: '127.0.0.1', family: 4}],
    undefined,
  ]);
  t.equal(asked.length, 0);
  void find(lookup, 'notlocalhost');
  t.equal(asked.length, 1);
});

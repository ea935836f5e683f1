import fc from 'fast-check';
import t from 'tap';
import {
  checkCommand,
  encodeCommand,
  refusalOf,
  VtyAnswerReader,
  VtyProtocolError,
} from '../../agent/control/vty-protocol.js';
import {splitEchoed} from '../../agent/control/vtysh-client.js';

t.test('answers come whole, however the bytes are cut', (t) => {
  const answer = fc.record({
    text: fc.string().map((text) => text.replaceAll('\0', '')),
    status: fc.integer({min: 0, max: 20}),
  });
  fc.assert(
    fc.property(fc.array(answer, {maxLength: 6}), fc.array(fc.nat(40)), (answers, cuts) => {
      const wire = answers.map(({text, status}) => `${text}\0\0\0${String.fromCharCode(status)}`).join('');
      const reader = new VtyAnswerReader();
      const read = [];
      let rest = wire;
      for (const cut of [...cuts, wire.length]) {
        read.push(...reader.push(rest.slice(0, cut)));
        rest = rest.slice(cut);
      }
      t.same(read, answers);
    }),
    {numRuns: 200},
  );
  t.end();
});

t.test('a command is one line of printable text', (t) => {
  t.equal(encodeCommand('show version'), 'show version\0');
  for (const text of ['a\nb', 'a\0b', 'a\rb', 'show version | include x', 'show ?', 'x'.repeat(4001)]) {
    t.throws(() => checkCommand(text), VtyProtocolError, JSON.stringify(text.slice(0, 20)));
  }
  t.end();
});

t.test('refused: by status, or by a complaint that comes with success', (t) => {
  const cases: readonly (readonly [string, number, string | null])[] = [
    ['', 0, null],
    ['FRRouting 8.4.4\n', 0, null],
    ['% [BGP] Unknown command: set x\n', 2, '"set x" is refused: Unknown command'],
    ['% Unknown command.\n', 2, '"set x" is refused: Unknown command.'],
    ["% Can't find static route specified\n", 13, '"set x" is refused: Can\'t find static route specified'],
    ['BGP is already running; AS is 64699\n', 13, '"set x" is refused: BGP is already running; AS is 64699'],
    [
      '% [BGP] Argument form is unsupported or malformed.\n',
      0,
      '"set x" is refused: Argument form is unsupported or malformed.',
    ],
    ['', 4, '"set x" is refused: status 4'],
    ['router bgp 1\n neighbor 10.0.0.2 password secret\n', 1, '"set x" is refused: router bgp 1'],
    ['neighbor 10.0.0.2\n% no\n% really\n', 1, '"set x" is refused: no really'],
    ['% a\u001b[31m\n', 1, '"set x" is refused: a\\u001b[31m'],
  ];
  for (const [text, status, reason] of cases) {
    t.equal(refusalOf({command: 'set x', text, status}), reason);
  }
  t.end();
});

t.test('what vtysh -E prints is cut at its own echoes', (t) => {
  const output =
    'vm# show bgp ipv4 unicast 192.0.2.77/32 json\n{\n}\nvm# configure terminal\nvm(config)# router bgp 1\nBGP is already running; AS is 64699\n';
  const commands = ['show bgp ipv4 unicast 192.0.2.77/32 json', 'configure terminal', 'router bgp 1', 'end'];
  t.same(
    splitEchoed(output, commands).map(({command, text}) => [command, text]),
    [
      [commands[0], '{\n}'],
      [commands[1], ''],
      [commands[2], 'BGP is already running; AS is 64699\n'],
    ],
  );
  t.same(splitEchoed('Exiting: failed to connect to any daemons.\n', commands), []);
  t.end();
});

import t from 'tap';
import {prettyLine} from '../../agent/events/pretty.js';
import {styles} from '../../agent/lib/styles.js';

const plain = styles(false);
const colour = styles(true);
const at = new Date(2026, 0, 2, 3, 4, 5, 67).toISOString();

function line(fields: Record<string, unknown>, style = plain): string {
  return prettyLine(JSON.stringify({level: 'info', time: at, ...fields}), style);
}

t.test('time, level, message, and the fields that the message does not tell', async (t) => {
  t.equal(
    line({
      level: 'warn',
      service: 'web',
      from: 'up',
      to: 'down',
      reason: '2 failures in a row: x',
      msg: 'service web down: 2 failures in a row: x',
    }),
    '03:04:05.067 WARN  service web down: 2 failures in a row: x  from=up\n',
  );
  t.equal(
    line({
      prefix: '10.0.0.1/32',
      peer: 'a',
      next_hop: '10.0.0.11',
      count: 3,
      msg: 'announce 10.0.0.1/32 to a',
    }),
    '03:04:05.067 INFO  announce 10.0.0.1/32 to a  next_hop=10.0.0.11 count=3\n',
  );
  t.equal(
    line({path: '/a b', none: null, list: [1], msg: 'ready'}),
    '03:04:05.067 INFO  ready  path="/a b" none=null list=[1]\n',
  );
});

t.test('what is part of a longer word has not been told', async (t) => {
  t.match(line({service: 'web', msg: 'service web-2 up'}), /service=web\n$/);
  t.notMatch(line({service: 'web-2', msg: 'service web-2 up'}), /service=/);
  t.match(line({peer: '10.0.0.1', msg: 'announce 10.0.0.10/32'}), /peer=10\.0\.0\.1\n$/);
});

t.test('the new state and the verb are coloured', async (t) => {
  t.match(
    line({to: 'down', msg: 'service web down: x'}, colour),
    'service web \u001b[1m\u001b[31mdown\u001b[39m\u001b[22m: x',
  );
  t.match(line({msg: 'announce x to y'}, colour), '\u001b[1m\u001b[32mannounce\u001b[39m\u001b[22m x to y');
  t.match(line({level: 'warn', msg: 'withdraw x from y'}, colour), '\u001b[1m\u001b[33mwithdraw\u001b[39m');
  t.match(
    line({level: 'debug', to: 'up', msg: 'check web/http up'}, colour),
    '\u001b[2mcheck web/http up\u001b[22m',
  );
  t.notMatch(line({to: 'down', msg: 'service web down: x'}), '\u001b');
});

t.test('text from outside cannot move the cursor or start a line', async (t) => {
  const shown = line(
    {reason: 'a\r\u009b2J', msg: 'service web down: \u001b[2Jboo\n12:00 INFO forged\u202e'},
    plain,
  );
  t.match(shown, 'service web down: \\u001b[2Jboo\\n12:00 INFO forged\\u202e');
  t.equal(shown.indexOf('\n'), shown.length - 1);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is the point.
  t.notMatch(shown.trimEnd(), /[\u0000-\u001f\u007f-\u009f]/);
});

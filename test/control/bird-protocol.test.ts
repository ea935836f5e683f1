import t from 'tap';
import {
  BirdProtocolError,
  type BirdReply,
  encodeCommand,
  failureOf,
  isOlder,
  parseGreeting,
  ReplyReader,
} from '../../agent/control/bird-protocol.js';
import {
  parseExport,
  parseLocalAs,
  parseProtocols,
  parseRoutes,
  parseStatus,
} from '../../agent/control/bird-show-protocol.js';
import {parsePrefix} from '../../agent/lib/prefix.js';

function reply(text: string): BirdReply {
  const [message, ...more] = new ReplyReader().push(text);
  if (message?.kind !== 'reply' || more.length > 0) throw new Error('not one reply');
  return message.reply;
}

// Recorded from BIRD 2.0.12 and 1.6.8.
const protocols = `2002-Name       Proto      Table      State  Since         Info
1002-device1    Device     ---        up     11:32:11.388  
 my-web_vip Static     master4    down   11:32:11.388  
 b1         BGP        ---        up     2026-11-20    Established   
 b2         BGP        ---        start  2026-11-20 11:32:11.388  Active        Socket: No route to host
0000 
`;
const protocolsOfOne = `2002-name     proto    table    state  since       info
1002-device1  Device   master   up     11:33:36    
 b1       BGP      master   up     11:33:41    Established   
0000 
`;
const protocolsAll = `2002-Name       Proto      Table      State  Since         Info
1002-device1    Device     ---        up     11:34:57.732  
1006-
1002-b1         BGP        ---        up     11:35:02.530  Established   
1006-  BGP state:          Established
     Neighbor address: 10.9.0.2
     Neighbor AS:      65002
     Local AS:         65001
 
0000 
`;
const routes = `1007-Table master4:
 10.1.1.1/32          unicast [direct1 11:32:11.389] * (240)
 	dev lo
                      unicast [direct2 11:32:11.389] (240)
 	via 10.0.0.1/32 on lo
1007-
 Table master6:
 fd01::1/128          unicast [direct1 11:32:11.389] * (240)
 	dev lo
0000 
`;
const refused = `0002-Reading configuration from /etc/bird/bird.conf
8002 /etc/bird/anycast.conf:3:1 syntax error, unexpected ']', expecting IP4 or IP6
`;

t.test('a reply is the same in whatever pieces it comes', async (t) => {
  const stream = `0001 BIRD 2.0.12 ready.\n${protocols}+Config timeout expired, starting undo\n${routes}${refused}`;
  const whole = new ReplyReader().push(stream);
  t.same(
    whole.map((message) => (message.kind === 'reply' ? message.reply.code : message.text)),
    [1, 0, 'Config timeout expired, starting undo', 0, 8002],
  );
  for (let cut = 1; cut < stream.length; cut++) {
    const reader = new ReplyReader();
    t.same([...reader.push(stream.slice(0, cut)), ...reader.push(stream.slice(cut))], whole, `cut at ${cut}`);
  }
});

t.test('a continuation without a code has the one before', async (t) => {
  t.same(reply('1000-BIRD 1.6.8\n1011-Router ID\n Last reboot\n0013 Daemon is up and running\n').lines, [
    {code: 1000, text: 'BIRD 1.6.8'},
    {code: 1011, text: 'Router ID'},
    {code: 1011, text: 'Last reboot'},
    {code: 13, text: 'Daemon is up and running'},
  ]);
  t.same(reply('0022-Undo scheduled in 10 s\n0003 Reconfigured\n').code, 3);
});

t.test('a spontaneous line within a reply does not disturb it', async (t) => {
  const messages = new ReplyReader().push('1007-a\n+news\n b\n0000 \n');
  t.match(messages, [
    {kind: 'spontaneous', text: 'news'},
    {kind: 'reply', reply: {lines: [{code: 1007}, {code: 1007, text: 'b'}, {code: 0}]}},
  ]);
});

t.test('what is no reply is refused', async (t) => {
  for (const [text, message] of [
    ['HTTP/1.1 400 Bad Request\r\n', /"HTTP\/1.1 400 Bad Request\\r" is no line of a reply/],
    [' a continuation of nothing\n', /is no line of a reply/],
    ['12345 x\n', /is no line of a reply/],
    ['0000\n', /is no line of a reply/],
    ['0000 '.padEnd(20_000, 'x'), /a line without an end/],
    [`${'0000 '.padEnd(20_000, 'x')}\n`, /a line without an end/],
    [`1007-\n${' \n'.repeat(200_001)}`, /a reply without an end/],
  ] as const) {
    t.throws(() => new ReplyReader().push(text), {message}, text.slice(0, 30));
  }
});

t.test('the greeting tells the version', async (t) => {
  const version = (text: string) => parseGreeting(reply(text));
  t.same(version('0001 BIRD 1.6.8 ready.\n'), {major: 1, minor: 6, text: '1.6.8'});
  t.same(version('0001 BIRD 2.0.12 ready.\n'), {major: 2, minor: 0, text: '2.0.12'});
  t.same(version('0001 BIRD 2.14 ready.\n'), {major: 2, minor: 14, text: '2.14'});
  t.same(version('0001 BIRD v3.0.1-gabc123 ready.\n'), {major: 3, minor: 0, text: '3.0.1-gabc123'});
  t.equal(version('0000 BIRD 2.0.12 ready.\n'), null);
  t.equal(version('0001 Quagga 1 ready.\n'), null);
  const older = (text: string) => {
    const known = version(`0001 BIRD ${text} ready.\n`);
    return known && isOlder(known, 2, 14);
  };
  t.same(['1.6.8', '2.0.12', '2.13.1', '2.14', '2.17', '3.0.0'].map(older), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

t.test('a command is one line', async (t) => {
  t.equal(encodeCommand('configure check'), 'configure check\n');
  for (const text of ['configure\ndown', 'show\rstatus', 'a\u0000b', 'a\u001b[2J', 'a\u0085b']) {
    t.throws(() => encodeCommand(text), BirdProtocolError, JSON.stringify(text));
  }
  t.throws(() => encodeCommand('configure\ndown'), {message: /control characters.*"configure\\ndown"/});
  t.throws(() => encodeCommand('x'.repeat(1001)), {message: /1001 characters/});
});

t.test('failures are named', async (t) => {
  t.equal(
    failureOf(reply(refused)),
    "configuration file error: /etc/bird/anycast.conf:3:1 syntax error, unexpected ']', expecting IP4 or IP6",
  );
  t.equal(failureOf(reply('8003 No protocols match\n')), 'no protocols match: No protocols match');
  t.equal(failureOf(reply('9001 \n')), 'parse error');
  t.equal(failureOf(reply('8123 something new\n')), 'code 8123: something new');
  t.equal(
    failureOf(reply('0006 Reconfiguration ignored, shutting down\n')),
    'shutting down: Reconfiguration ignored, shutting down',
  );
  t.equal(
    failureOf(reply('8002 \u001b[2J\n')),
    'configuration file error: \\u001b[2J',
    'made safe for a terminal',
  );
  for (const text of ['0000 ', '0003 Reconfigured', '0013 Daemon is up and running', '1007 x']) {
    t.equal(failureOf(reply(`${text}\n`)), null, text);
  }
});

t.test('show protocols', async (t) => {
  t.same(parseProtocols(reply(protocols)), [
    {name: 'device1', type: 'Device', state: 'up', info: ''},
    {name: 'my-web_vip', type: 'Static', state: 'down', info: ''},
    {name: 'b1', type: 'BGP', state: 'up', info: 'Established'},
    {name: 'b2', type: 'BGP', state: 'start', info: 'Active Socket: No route to host'},
  ]);
  t.same(
    parseProtocols(reply(protocolsOfOne)).map(({name, state}) => `${name} ${state}`),
    ['device1 up', 'b1 up'],
  );
  t.same(parseLocalAs(reply(protocolsAll)), [65001]);
  t.same(parseLocalAs(reply(protocols)), []);
});

t.test('show status', async (t) => {
  t.equal(parseStatus(reply('1000-BIRD 2.0.12\n0013 Daemon is up and running\n')), 'running');
  t.equal(parseStatus(reply('0013 Reconfiguration in progress\n')), 'reconfiguring');
  t.equal(parseStatus(reply('0013 Shutdown in progress\n')), 'shutting down');
});

t.test('show route', async (t) => {
  t.same(parseRoutes(reply(routes)), ['10.1.1.1/32', 'fd01::1/128']);
  const prefix = parsePrefix('10.1.1.1/32');
  const asked = (text: string) => parseExport(reply(text), prefix);
  t.equal(asked(routes), 'exported');
  t.equal(
    asked('1007-10.1.1.1/32        dev lo [direct1 11:33:36] * (240)\n0000 \n'),
    'exported',
    'BIRD 1.6',
  );
  t.equal(asked('0000 \n'), 'not exported');
  t.equal(asked('8001 Network not found\n'), 'no route');
  t.equal(asked('8001 Network not in table\n'), 'no route');
  t.equal(asked('9001 No valid tables\n'), 'not exported');
  t.equal(
    asked('9001 This is an IPv6 router, therefore IPv4 addresses are not supported\n'),
    'no route',
    'BIRD 1.6',
  );
  t.equal(asked('9001 syntax error\n'), null);
});

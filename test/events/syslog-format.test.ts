import t from 'tap';
import {parseTarget, type SyslogConfig} from '../../agent/config/syslog.js';
import {
  maxMessageBytes,
  priorityPrefix,
  scriptMessage,
  syslogMessage,
} from '../../agent/events/syslog-format.js';

// RFC 3164 writes local time.
process.env.TZ = 'Europe/Oslo';

const origin = {hostname: 'lb1.example.net', pid: 4711};

function config(format: SyslogConfig['format'], target = 'udp://log.example.net:514'): SyslogConfig {
  const parsed = parseTarget(target);
  if (parsed === null) throw new Error(`no target: ${target}`);
  return {target: parsed, format, facility: 'daemon', tag: 'eip-health'};
}

function line(msg: string, fields: Record<string, unknown> = {}, level = 'warn'): string {
  return JSON.stringify({level, time: '2026-01-01T00:00:01.234Z', ...fields, msg});
}

const withdrawn = line('withdraw 192.168.0.16/32 from nrec-1', {
  service: 'web',
  prefix: '192.168.0.16/32',
  peer: 'nrec-1',
  count: 1,
});

t.test('RFC 5424, byte by byte', async (t) => {
  t.equal(
    syslogMessage(withdrawn, config('rfc5424'), origin).toString(),
    '<28>1 2026-01-01T00:00:01.234Z lb1.example.net eip-health 4711 - ' +
      '[eip-health@32473 service="web" prefix="192.168.0.16/32" peer="nrec-1"] ' +
      'withdraw 192.168.0.16/32 from nrec-1',
  );
  t.equal(
    syslogMessage(line('stopped', {}, 'info'), config('rfc5424'), {hostname: '', pid: 1}).toString(),
    '<30>1 2026-01-01T00:00:01.234Z - eip-health 1 - - stopped',
  );
});

t.test('RFC 3164, byte by byte: with the host over the network, without it on a unix socket', async (t) => {
  t.equal(
    syslogMessage(withdrawn, config('rfc3164'), origin).toString(),
    '<28>Jan  1 01:00:01 lb1 eip-health[4711]: withdraw 192.168.0.16/32 from nrec-1',
  );
  t.equal(
    syslogMessage(withdrawn, config('rfc3164', 'unix:/dev/log'), origin).toString(),
    '<28>Jan  1 01:00:01 eip-health[4711]: withdraw 192.168.0.16/32 from nrec-1',
  );
});

t.test('severity of each level, in each facility', async (t) => {
  const levels = {trace: 7, debug: 7, info: 6, warn: 4, error: 3, fatal: 2};
  for (const [facility, number] of [
    ['user', 1],
    ['daemon', 3],
    ['authpriv', 10],
    ['local7', 23],
  ] as const) {
    for (const [level, severity] of Object.entries(levels)) {
      const text = syslogMessage(line('x', {}, level), {...config('rfc5424'), facility}, origin).toString();
      t.ok(text.startsWith(`<${number * 8 + severity}>1 `), `${facility}.${level}: ${text}`);
    }
  }
});

t.test('lines for journald start with their severity', async (t) => {
  t.equal(priorityPrefix(line('x', {}, 'fatal')), '<2>');
  t.equal(priorityPrefix(line('x', {}, 'warn')), '<4>');
  t.equal(priorityPrefix(line('x', {}, 'debug')), '<7>');
});

t.test('text from outside cannot begin a message, end a parameter or move a cursor', async (t) => {
  const text = syslogMessage(
    line('bad\n<0>1 - - - forged \u001b[2J', {service: 'a"b]c\\d\ne'}),
    config('rfc5424'),
    origin,
  ).toString();
  t.match(text, 'service="a\\"b\\]c\\\\d\\\\ne"] bad\\n<0>1 - - - forged \\u001b[2J');
  t.notMatch(text, /\p{Cc}/u);
});

t.test('a long message is cut between characters', async (t) => {
  for (const shift of ['', 'x', 'xx', 'xxx']) {
    const bytes = syslogMessage(line(`${shift}${'€'.repeat(4000)}`), config('rfc5424'), origin);
    t.ok(bytes.length <= maxMessageBytes && bytes.length > maxMessageBytes - 3, String(bytes.length));
    t.ok(bytes.toString().endsWith('€'), 'a whole character at the end');
  }
  t.equal(Buffer.byteLength('€'), 3);
});

t.test('targets', async (t) => {
  t.same(parseTarget('unix:/dev/log'), {kind: 'unix', path: '/dev/log'});
  t.same(parseTarget('tls://log.example.net:6514'), {kind: 'tls', host: 'log.example.net', port: 6514});
  t.same(parseTarget('tcp://[2001:db8::1]:601'), {kind: 'tcp', host: '2001:db8::1', port: 601});
  for (const wrong of [
    'unix:dev/log',
    'udp://host',
    'udp://host:0',
    'udp://host:65536',
    'http://host:80',
    'tcp://2001:db8::1:601',
    `unix:/${'x'.repeat(107)}`,
    '',
  ]) {
    t.equal(parseTarget(wrong), null, wrong);
  }
});

t.test('a line of a script, as logger(1) writes it', async (t) => {
  const line = {tag: 'bgp_mgt', text: 'Deleting route to 192.0.2.1/32'};
  const at = Date.UTC(2026, 3, 5, 9, 38, 0);
  t.equal(
    scriptMessage(line, at, config('rfc3164', 'unix:/dev/log'), origin).toString(),
    '<13>Apr  5 11:38:00 bgp_mgt: Deleting route to 192.0.2.1/32',
  );
  t.equal(
    scriptMessage(line, at, config('rfc5424'), origin).toString(),
    '<13>Apr  5 11:38:00 lb1 bgp_mgt: Deleting route to 192.0.2.1/32',
  );
});

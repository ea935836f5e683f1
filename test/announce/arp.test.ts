import t from 'tap';
import {watchArp} from '../../agent/announce/arp.js';
import type {Config, ServiceConfig} from '../../agent/config/types.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import type {AgentEvent, HostNetwork, InterfaceAddress} from '../../agent/types.js';
import {kernelConfig, MemoryJournal} from './kernel-harness.js';

const vips = ['192.0.2.10/32', '192.0.2.11/32', '198.51.100.1/32', '2001:db8::1/128'];

function watch(options: {
  arp?: 'check' | 'set' | 'off';
  interface?: string;
  addresses?: readonly [string, string][];
  settings?: Record<string, string>;
  readOnly?: boolean;
  journal?: MemoryJournal;
  mode?: 'always' | 'never';
}) {
  const settings: Record<string, string> = {
    all: '0',
    eth0: '0',
    'eth0.100': '0',
    lo: '0',
    ...options.settings,
  };
  const written: string[] = [];
  const notes: string[] = [];
  const nameOf = (path: string): string => /^net\/ipv4\/conf\/(.+)\/arp_ignore$/.exec(path)?.[1] ?? path;
  let current = options.addresses ?? [['eth0', '192.0.2.5/24']];
  let listener = (): void => {};
  const network: HostNetwork = {
    addresses: () => current.map(([name, text]) => interfaceAddress(name, text)),
    on: (fn) => {
      listener = fn;
      return () => {
        listener = () => {};
      };
    },
  };
  const config = {
    kernel: {...kernelConfig, arp: options.arp ?? 'check', interface: options.interface ?? 'lo'},
    // Of a service only what is asked for.
    services: [
      {addressMode: options.mode ?? 'when_up', addresses: vips.map(parsePrefix)} as unknown as ServiceConfig,
    ],
  } satisfies Pick<Config, 'kernel' | 'services'>;
  const watching = watchArp({
    config,
    network,
    sysctl: {
      read: (path) => settings[nameOf(path)] ?? null,
      write(path, value) {
        if (options.readOnly) throw new Error('EROFS: read-only file system, open');
        written.push(`${nameOf(path)}=${value}`);
        settings[nameOf(path)] = value;
      },
    },
    emit: (event: AgentEvent) => {
      if (event.kind === 'note') notes.push(`${event.level} ${event.message}`);
    },
    ...(options.journal ? {journal: options.journal} : {}),
  });
  const change = (addresses: readonly [string, string][]): void => {
    current = addresses;
    listener();
  };
  const serve = (...prefixes: string[]): void =>
    watching.reconfigure([
      {addressMode: 'when_up', addresses: prefixes.map(parsePrefix)} as unknown as ServiceConfig,
    ]);
  return {stop: () => watching.stop(), serve, settings, written, notes, change};
}

function interfaceAddress(name: string, text: string): InterfaceAddress {
  const [address = '', length = ''] = text.split('/');
  return {
    interface: name,
    address: parseAddress(address),
    length: Number(length),
    scope: 'global',
    tentative: false,
    deprecated: false,
    temporary: false,
    loopback: name === 'lo',
    up: true,
  };
}

t.test('check warns of VIPs in a connected network, with the line that helps', (t) => {
  const {notes, written, stop} = watch({});
  t.same(notes, [
    'warn 192.0.2.10/32 and 1 more lie in 192.0.2.0/24 of eth0, where arp_ignore is 0: every host that holds it ' +
      'answers ARP for it; run: sysctl -w net.ipv4.conf.eth0.arp_ignore=1',
  ]);
  stop();
  t.same(written, []);
  t.match(watch({addresses: [['eth0.100', '198.51.100.2/30']]}).notes, [
    /^warn 198\.51\.100\.1\/32 lies in 198\.51\.100\.0\/30 of eth0\.100, .*sysctl -w net\/ipv4\/conf\/eth0\.100\/arp_ignore=1$/,
  ]);
  t.end();
});

t.test('where there is nothing to warn of', (t) => {
  const quiet: Record<string, Parameters<typeof watch>[0]> = {
    'the higher of all and the interface counts: all': {settings: {all: '1'}},
    'the interface': {settings: {eth0: '2'}},
    'another network': {addresses: [['eth0', '203.0.113.5/24']]},
    'the VIP itself, as a host': {addresses: [['eth0', '192.0.2.10/32']]},
    'the loopback': {addresses: [['lo', '192.0.2.5/24']]},
    'IPv6 knows no ARP': {addresses: [['eth0', '2001:db8::5/64']]},
    off: {arp: 'off'},
    'no addresses are put on': {mode: 'never'},
  };
  for (const [name, options] of Object.entries(quiet)) t.same(watch(options).notes, [], name);
  t.end();
});

t.test('an interface that carries the VIPs itself cannot be helped by a setting', (t) => {
  const {notes, written} = watch({arp: 'set', interface: 'eth0'});
  t.match(notes, [
    /^warn 192\.0\.2\.10\/32 and 1 more lie in .* which also carries it: .*set kernel\.interface to lo$/,
  ]);
  t.same(written, []);
  t.end();
});

t.test('set does it and restores at stop', (t) => {
  const {notes, settings, stop, written} = watch({arp: 'set'});
  t.same(notes, ['info 192.0.2.10/32 and 1 more lie in 192.0.2.0/24 of eth0: set arp_ignore of eth0 to 1']);
  t.equal(settings.eth0, '1');
  stop();
  t.same(written, ['eth0=1', 'eth0=0']);
  const changed = watch({arp: 'set'});
  changed.settings.eth0 = '2';
  changed.stop();
  t.equal(changed.settings.eth0, '2', 'what somebody changed since stays');
  const given = watch({arp: 'set', settings: {eth0: '1'}});
  given.stop();
  t.same(given.written, [], 'what was set before we came stays');
  t.end();
});

t.test('a reload leaves alone what is exposed as before, and puts back what is not any more', (t) => {
  const {notes, serve, stop, written} = watch({
    arp: 'set',
    addresses: [
      ['eth0', '192.0.2.5/24'],
      ['eth0.100', '198.51.100.2/24'],
    ],
  });
  t.equal(notes.length, 2);
  serve(...vips);
  serve('192.0.2.77/32', '198.51.100.1/32');
  t.same([notes.length, written], [2, ['eth0=1', 'eth0.100=1']]);
  serve('192.0.2.77/32');
  t.same(written.splice(0), ['eth0=1', 'eth0.100=1', 'eth0.100=0']);
  serve('192.0.2.77/32', '198.51.100.1/32');
  t.same(written.splice(0), ['eth0.100=1']);
  stop();
  t.same(written.sort(), ['eth0.100=0', 'eth0=0']);
  t.end();
});

t.test('after kill -9 the next life restores', (t) => {
  const journal = new MemoryJournal();
  const killed = watch({arp: 'set', journal});
  t.same([...journal.lines], ['eth0']);
  const next = watch({arp: 'set', journal, settings: killed.settings});
  t.same(next.written, [], 'it is set already');
  next.stop();
  t.same(next.written, ['eth0=0']);
  t.same([...journal.lines], []);
  t.end();
});

t.test('set that is not possible is a warning', (t) => {
  const journal = new MemoryJournal();
  const {notes, stop} = watch({arp: 'set', readOnly: true, journal});
  t.match(notes, [
    /^warn .* and arp_ignore could not be set: EROFS: .*; run: sysctl -w net\.ipv4\.conf\.eth0\.arp_ignore=1$/,
  ]);
  stop();
  t.same([...journal.lines], []);
  t.equal(notes.length, 1);
  t.end();
});

t.test('an address that comes later is looked at, each interface once', (t) => {
  const {change, notes, stop} = watch({addresses: []});
  t.same(notes, []);
  change([['eth0', '192.0.2.5/24']]);
  t.equal(notes.length, 1);
  change([
    ['eth0', '192.0.2.5/24'],
    ['eth0', '198.51.100.2/24'],
  ]);
  t.equal(notes.length, 1);
  stop();
  change([['eth0.100', '192.0.2.5/24']]);
  t.equal(notes.length, 1);
  t.end();
});

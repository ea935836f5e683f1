import {createSocket} from 'node:dgram';
import t from 'tap';
import {bfdNetwork, type Datagram} from '../../agent/io/bfd-network.js';
import {SystemError} from '../../agent/io/native.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import {enterOwnNetwork, ip} from '../lab/own-network.js';

const skip = enterOwnNetwork();
const families = [
  {family: 'ipv4', address: parseAddress('127.0.0.1'), type: 'udp4'},
  {family: 'ipv6', address: parseAddress('::1'), type: 'udp6'},
] as const;

/** The next datagrams at a port, one call each. */
function hear(family: 'ipv4' | 'ipv6', port: number) {
  const heard: Datagram[] = [];
  const waiting: ((datagram: Datagram) => void)[] = [];
  const listener = bfdNetwork.listen(family, port, (datagram) => {
    const wake = waiting.shift();
    if (wake) wake(datagram);
    else heard.push(datagram);
  });
  const next = (): Promise<Datagram> => {
    const there = heard.shift();
    return there ? Promise.resolve(there) : new Promise((resolve) => waiting.push(resolve));
  };
  return {heard, next, read: () => listener.read(), stop: () => listener.close()};
}

for (const {family, address, type} of families) {
  t.test(`${family}: sent with TTL 255, received with the TTL it came with`, {skip}, async (t) => {
    const {next, stop} = hear(family, 3784);
    const sender = bfdNetwork.sender({address, port: 3784, localAddress: address}, Math.random);
    sender.send(Uint8Array.of(1, 2, 3));
    t.same(await next(), {bytes: Uint8Array.of(1, 2, 3), from: address, to: address, ttl: 255});

    const other = createSocket(type);
    await new Promise<void>((resolve) => other.bind(0, address, resolve));
    other.setTTL(9);
    other.send(Uint8Array.of(4), 3784, address);
    t.match(await next(), {bytes: Uint8Array.of(4), ttl: 9});
    other.send(new Uint8Array(0), 3784, address);
    t.match(await next(), {bytes: new Uint8Array(0)}, 'an empty datagram is one, too');
    other.close();
    sender.close();
    stop();
  });

  t.test(`${family}: a source port of RFC 5881's range for each session`, {skip}, async (t) => {
    const receiver = createSocket(type);
    await new Promise<void>((resolve) => receiver.bind(0, address, resolve));
    const {port} = receiver.address();
    const next = () =>
      new Promise<number>((resolve) => receiver.once('message', (_, from) => resolve(from.port)));
    // Both want the same port first: the second has to look further, even at another address.
    const luck = () => {
      const lots = [0.25, 0.5];
      return () => lots.shift() ?? 0.75;
    };
    const locals = family === 'ipv4' ? [parseAddress('127.0.0.2'), address] : [null, null];
    const senders = locals.map((localAddress) => bfdNetwork.sender({address, port, localAddress}, luck()));
    const ports: number[] = [];
    for (const sender of senders) {
      const came = next();
      sender.send(Uint8Array.of(1));
      ports.push(await came);
    }
    t.same(ports, [49_152 + 4_096, 49_152 + 8_192]);
    for (const sender of senders) sender.close();
    receiver.close();
  });
}

t.test('a source address that is not there yet: lost packets, then not', {skip}, async (t) => {
  const {next, stop} = hear('ipv4', 4784);
  const route = {address: parseAddress('127.0.0.1'), port: 4784, localAddress: parseAddress('192.0.2.9')};
  const sender = bfdNetwork.sender(route, Math.random);
  sender.send(Uint8Array.of(1));
  ip('address add 192.0.2.9/32 dev lo');
  sender.send(Uint8Array.of(2));
  t.match(await next(), {bytes: Uint8Array.of(2), from: '192.0.2.9'});
  sender.close();
  stop();
});

t.test('the address that a datagram came to; and what waits is read when asked for', {skip}, async (t) => {
  const {heard, read, stop} = hear('ipv4', 3784);
  ip('address add 192.0.2.10/32 dev lo');
  const localAddress = parseAddress('127.0.0.1');
  for (const to of ['192.0.2.10', '127.0.0.1']) {
    const sender = bfdNetwork.sender({address: parseAddress(to), port: 3784, localAddress}, Math.random);
    sender.send(Uint8Array.of(1));
    sender.close();
  }
  t.same(heard, [], 'this turn of the event loop is not over');
  read();
  t.match(heard, [
    {from: '127.0.0.1', to: '192.0.2.10'},
    {from: '127.0.0.1', to: '127.0.0.1'},
  ]);
  stop();
  stop();
});

t.test('a port that is taken is an error with its name', {skip}, async (t) => {
  const {stop} = hear('ipv4', 3784);
  t.throws(() => hear('ipv4', 3784), new SystemError('bind', 98));
  stop();
});

/**
 * Ownership on a real kernel that does not keep our mark on addresses. Kernels before 5.18 ignore IFA_PROTO in requests
 * and never tell it; this one is made to do the same by taking it out of every message, both ways.
 */

import t, {type Test} from 'tap';
import {systemClock} from '../../agent/io/clock.js';
import {type NetlinkSocket, openNetlinkSocket} from '../../agent/io/netlink-socket.js';
import {enterOwnNetwork, ip, ipJson} from '../lab/own-network.js';
import {Harness, MemoryJournal, waitUntil} from './kernel-harness.js';

// RTM_NEWADDR, RTM_DELADDR, IFA_PROTO; lengths of nlmsghdr and ifaddrmsg.
const newAddress = 20;
const deleteAddress = 21;
const ifaProto = 11;
const messageHeader = 16;
const addressHeader = 8;

const skip = enterOwnNetwork();
const v4 = '192.0.2.1/32';
const v6 = '2001:db8::1/128';
const other4 = '192.0.2.2/32';
const other6 = '2001:db8::2/128';

function onLo(): string[] {
  const [lo] = ipJson<{addr_info: {scope: string; local: string; prefixlen: number}[]}[]>('addr show dev lo');
  return (lo?.addr_info ?? [])
    .filter(({scope}) => scope === 'global')
    .map(({local, prefixlen}) => `${local}/${prefixlen}`)
    .sort();
}

function life(t: Test, journal: MemoryJournal): Harness {
  return new Harness(t, {open: openForgetfulSocket, clock: systemClock, journal});
}

t.test('killed: the next life knows its own by the journal', {skip}, async (t) => {
  const journal = new MemoryJournal();
  const first = life(t, journal);
  await first.kernel.start();
  first.setAddresses([v4, v6]);
  await waitUntil(() => first.addressEvents.length === 2);
  t.same(first.addresses(), [`${v4} installed`, `${v6} installed`], 'its own, not foreign');
  t.same([...journal.lines], [`lo ${v4}`, `lo ${v6}`], 'noted as long as they are there');
  await first.die();

  // In our very form, but not noted; and noted, but since then replaced by somebody else's.
  ip(`addr add ${other4} dev lo label lo:eip`);
  ip(`addr add ${other6} dev lo nodad noprefixroute preferred_lft 0`);
  const second = life(t, journal);
  await second.kernel.start();
  second.setAddresses([], [v4]);
  await waitUntil(() => !onLo().includes(v6));
  t.same(onLo(), [v4, other4, other6], 'what may be adopted stays, the rest of ours goes, others’ do not');
  await second.die();

  ip(`addr del ${v4} dev lo`);
  ip(`addr add ${v4} dev lo`);
  const third = life(t, journal);
  await third.kernel.start();
  third.setAddresses([]);
  await third.kernel.stop('withdraw');
  t.same(onLo(), [v4, other4, other6], 'the address is somebody else’s now');
  t.same([...journal.lines], [], 'and no longer noted');
  await third.die();
  for (const address of onLo()) ip(`addr del ${address} dev lo`);
});

t.test('a stop leaves neither addresses nor notes', {skip}, async (t) => {
  const journal = new MemoryJournal();
  const b = life(t, journal);
  await b.kernel.start();
  b.setAddresses([v4, v6]);
  await waitUntil(() => b.addressEvents.length === 2);
  await b.kernel.stop('withdraw');
  t.same(onLo(), []);
  t.same(journal.history, [`+lo ${v4}`, `+lo ${v6}`, `-lo ${v4}`, `-lo ${v6}`]);
  await b.die();
});

t.test('the socket above really forgets marks', {skip}, (t) => {
  const socket = openForgetfulSocket();
  t.teardown(() => socket.close());
  const protocol = Buffer.from([5, 0, ifaProto, 0, 153, 0, 0, 0]);
  const message = Buffer.concat([Buffer.alloc(messageHeader + addressHeader), protocol]);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(newAddress, 4);
  t.equal(forget(message).length, messageHeader + addressHeader);
  t.equal(forget(message).readUInt32LE(0), messageHeader + addressHeader);
  t.end();
});

function openForgetfulSocket(): NetlinkSocket {
  const socket = openNetlinkSocket();
  return {
    ...socket,
    send: (datagram) => socket.send(forget(Buffer.from(datagram))),
    receive() {
      const datagram = socket.receive();
      return datagram && forget(datagram);
    },
  };
}

/** The datagram without IFA_PROTO in its messages about addresses. */
function forget(datagram: Buffer): Buffer {
  const messages: Buffer[] = [];
  for (let at = 0; at + messageHeader <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    const message = Buffer.from(datagram.subarray(at, at + aligned(length)));
    const type = message.readUInt16LE(4);
    messages.push(type === newAddress || type === deleteAddress ? withoutMark(message) : message);
    at += aligned(length);
  }
  return Buffer.concat(messages);
}

function withoutMark(message: Buffer): Buffer {
  const parts = [message.subarray(0, messageHeader + addressHeader)];
  for (let at = messageHeader + addressHeader; at + 4 <= message.length; ) {
    const end = at + aligned(message.readUInt16LE(at));
    if (message.readUInt16LE(at + 2) !== ifaProto) parts.push(message.subarray(at, end));
    at = end;
  }
  const whole = Buffer.concat(parts);
  whole.writeUInt32LE(whole.length, 0);
  return whole;
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}

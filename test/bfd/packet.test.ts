import t from 'tap';
import {type ControlPacket, decodePacket, describeDiagnostic, encodePacket} from '../../agent/bfd/packet.js';

const down: ControlPacket = {
  state: 'down',
  diagnostic: 0,
  poll: false,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  detectMultiplier: 3,
  myDiscriminator: 0x01020304,
  yourDiscriminator: 0,
  desiredMinTxUs: 1_000_000,
  requiredMinRxUs: 300_000,
  requiredMinEchoRxUs: 0,
};

/** RFC 5880 §4.1, laid out by hand. */
const goldens: readonly {name: string; hex: string; packet: ControlPacket}[] = [
  {
    name: 'the first packet of a session: Down, nobody known',
    hex: '20 40 03 18 01020304 00000000 000f4240 000493e0 00000000',
    packet: down,
  },
  {
    name: 'Up with a Poll',
    hex: '20 e0 03 18 01020304 fffffffe 000493e0 000493e0 00000000',
    packet: {...down, state: 'up', poll: true, yourDiscriminator: 0xfffffffe, desiredMinTxUs: 300_000},
  },
  {
    name: 'Init with a Final, of a peer with C, D and an Echo interval',
    hex: '20 9a 05 18 01020304 00000007 000493e0 000493e0 0000c350',
    packet: {
      ...down,
      state: 'init',
      final: true,
      controlPlaneIndependent: true,
      demand: true,
      detectMultiplier: 5,
      yourDiscriminator: 7,
      desiredMinTxUs: 300_000,
      requiredMinEchoRxUs: 50_000,
    },
  },
  {
    name: 'Down: the detection time expired',
    hex: '21 40 03 18 01020304 00000007 000f4240 000493e0 00000000',
    packet: {...down, diagnostic: 1, yourDiscriminator: 7},
  },
  {
    name: 'AdminDown',
    hex: '27 00 01 18 01020304 00000007 000f4240 000493e0 00000000',
    packet: {...down, state: 'admin-down', diagnostic: 7, detectMultiplier: 1, yourDiscriminator: 7},
  },
];

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

t.test('goldens, in both directions', (t) => {
  for (const {name, hex, packet} of goldens) {
    t.same(Buffer.from(encodePacket(packet)), bytesOf(hex), `${name}: encoded`);
    t.same(
      decodePacket(bytesOf(hex)),
      {ok: true, packet, bytes: bytesOf(hex), isAuthenticated: false},
      `${name}: decoded`,
    );
    for (let length = 0; length < 24; length++) {
      t.notOk(decodePacket(bytesOf(hex).subarray(0, length)).ok, `${name}: cut at ${length}`);
    }
  }
  t.end();
});

t.test('octets behind the packet are not its own', (t) => {
  const hex = goldens[0]?.hex ?? '';
  t.match(decodePacket(bytesOf(`${hex} ffff`)), {ok: true, packet: down, bytes: bytesOf(hex)});
  t.end();
});

t.test('RFC 5880 §6.8.6: what is refused', (t) => {
  const [first] = goldens;
  const at = (offset: number, value: number): Buffer => {
    const bytes = bytesOf(first?.hex ?? '');
    bytes[offset] = value;
    return bytes;
  };
  const cases: readonly (readonly [Buffer, RegExp])[] = [
    [at(0, 0x00), /version 0/],
    [at(0, 0x40), /version 2/],
    [at(3, 23), /length field says 23/],
    [at(3, 25), /length field says 25, it has 24/],
    [at(2, 0), /multiplier is 0/],
    [at(1, 0x41), /multipoint/],
    [at(1, 0x44), /length field says 24, without its authentication section/],
    [Buffer.concat([at(1, 0x44).fill(26, 3, 4), Buffer.of(1, 3)]), /length field says 26, without/],
    [at(1, 0x80), /says init to nobody/],
    [at(1, 0xc0), /says up to nobody/],
    [bytesOf('20 40 03 18 00000000 00000000 000f4240 000493e0 00000000'), /own discriminator is 0/],
  ];
  for (const [bytes, reason] of cases) t.match(decodePacket(bytes), {ok: false, reason});
  t.end();
});

t.test('diagnostics in words', (t) => {
  t.equal(describeDiagnostic(1), 'control detection time expired');
  t.equal(describeDiagnostic(31), 'diagnostic 31');
  t.end();
});

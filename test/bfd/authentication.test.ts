import t from 'tap';
import {
  type AuthenticationType,
  Authenticator,
  authenticationTypes,
  type Judgement,
} from '../../agent/bfd/authentication.js';
import {type ControlPacket, decodePacket, encodePacket} from '../../agent/bfd/packet.js';
import {Secret} from '../../agent/lib/secret.js';

const up: ControlPacket = {
  state: 'up',
  diagnostic: 0,
  poll: true,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  detectMultiplier: 3,
  myDiscriminator: 0x01020304,
  yourDiscriminator: 7,
  desiredMinTxUs: 300_000,
  requiredMinRxUs: 300_000,
  requiredMinEchoRxUs: 0,
};

const types = Object.keys(authenticationTypes) as AuthenticationType[];
const keyedTypes = types.filter((type) => type !== 'simple');
const before = 0x01020304;

/** Made with Python's hashlib after RFC 5880 §4.2 to §4.4: password "secret", ID 7, sequence number 0x01020305. */
const goldens: Record<AuthenticationType, string> = {
  simple: '20e403210102030400000007000493e0000493e000000000010907736563726574',
  'keyed-md5':
    '20e403300102030400000007000493e0000493e00000000002180700010203052d8c24d107be521a27160ee3486657e7',
  'meticulous-keyed-md5':
    '20e403300102030400000007000493e0000493e00000000003180700010203057dc4e674cca5cc24f84e04de4ce75449',
  'keyed-sha1':
    '20e403340102030400000007000493e0000493e000000000041c0700010203053596dbde2bef127c4786dfaee343cf9fa5fcdc30',
  'meticulous-keyed-sha1':
    '20e403340102030400000007000493e0000493e000000000051c070001020305d90ff6e361a9a73d96984043207211cb98a7dd90',
};

function authenticator(type: AuthenticationType, {password = 'secret', keyId = 7, sequence = before} = {}) {
  return new Authenticator({type, keyId, secret: new Secret(password)}, sequence);
}

function signed(by: Authenticator): Uint8Array {
  const bytes = encodePacket(up, by.length);
  by.sign(bytes);
  return bytes;
}

function judged(by: Authenticator, bytes: Uint8Array, isFirst = false): Judgement {
  return by.judge({bytes, detectMultiplier: up.detectMultiplier, isFirst});
}

t.test('goldens, in both directions', (t) => {
  for (const type of types) {
    const bytes = signed(authenticator(type));
    t.equal(Buffer.from(bytes).toString('hex'), goldens[type], type);
    t.match(decodePacket(bytes), {ok: true, packet: up, isAuthenticated: true, bytes});
    t.same(judged(authenticator(type), bytes), {ok: true}, type);
    t.notOk(decodePacket(bytes.subarray(0, -1)).ok, 'cut short');
  }
  t.equal(types.length, 5);
  t.end();
});

t.test('what is not the peer is refused, and why', (t) => {
  for (const type of types) {
    const bytes = signed(authenticator(type));
    const wrong = {ok: false, reason: 'wrong password'};
    t.same(judged(authenticator(type, {password: 'Secret'}), bytes), wrong, type);
    t.same(judged(authenticator(type, {password: 'secrets'}), bytes), wrong, type);
    t.same(judged(authenticator(type, {keyId: 8}), bytes), {
      ok: false,
      reason: 'its password has the ID 7, ours 8',
    });
    const other = type === 'keyed-md5' ? 'keyed-sha1' : 'keyed-md5';
    t.same(judged(authenticator(other), bytes), {
      ok: false,
      reason: `it authenticates with ${type}, not ${other}`,
    });
    const unknown = Uint8Array.from(bytes);
    unknown[24] = 99;
    t.match(judged(authenticator(type), unknown), {reason: `it authenticates with type 99, not ${type}`});
    const shorter = Uint8Array.from(bytes);
    shorter[25] = 4;
    t.match(judged(authenticator(type), shorter), wrong, 'a length that is none of its type');
  }
  for (const type of keyedTypes) {
    const bytes = signed(authenticator(type));
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      t.notOk(judged(authenticator(type), changed).ok, `${type}: octet ${at} counts`);
    }
  }
  t.end();
});

t.test('§6.7.3, §6.7.4: a packet that was recorded is not taken again', (t) => {
  const none = {ok: false, reason: null};
  for (const type of keyedTypes) {
    const [us, peer] = [authenticator(type), authenticator(type)];
    const packets = Array.from({length: 12}, () => signed(peer));
    const at = (n: number): Uint8Array => packets[n] ?? new Uint8Array(0);
    t.same(judged(us, at(1)), {ok: true}, 'any number is the first');
    const isMeticulous = type.startsWith('meticulous');
    t.same(judged(us, at(1)), isMeticulous ? none : {ok: true}, `${type}: the same again`);
    t.same(judged(us, at(0)), none, `${type}: an older one`);
    t.same(judged(us, at(11)), none, 'ten ahead, where nine may be lost');
    t.same(judged(us, at(10)), {ok: true}, 'nine ahead');
    t.same(judged(us, at(2)), none);
    t.same(
      judged(us, at(2), true),
      {ok: true},
      'after two detection times of silence the peer may be a new one',
    );
    const forged = signed(authenticator(type, {password: 'guessed', sequence: before + 40}));
    t.match(judged(us, forged, true), {reason: 'wrong password'});
    t.same(judged(us, at(3)), {ok: true}, 'what was refused moved nothing');
  }
  t.equal(keyedTypes.length, 4);
  t.end();
});

t.test('sequence numbers go round', (t) => {
  const type = 'meticulous-keyed-sha1';
  const [us, peer] = [authenticator(type), authenticator(type, {sequence: 2 ** 32 - 2})];
  const numbers = [1, 2, 3].map(() => {
    const bytes = signed(peer);
    t.same(judged(us, bytes), {ok: true});
    return Buffer.from(bytes).readUInt32BE(28);
  });
  t.same(numbers, [2 ** 32 - 1, 0, 1]);
  t.end();
});

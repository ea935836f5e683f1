/** The embedded speaker: `bgp:` and its peers. What stands above for all peers may stand in one for itself. */

import {z} from 'zod';
import {familyOf} from '../lib/prefix.js';
import type {Community, IpAddress, IpFamily} from '../types.js';
import {type BfdKeys, bfdFor, readBfd} from './bfd-schema.js';
import {isWellKnown, parseCommunity} from './communities.js';
import {type ConfigFiles, type Password, passwordKeys, readPassword} from './password.js';
import {defaultRestart, type RestartKeys, readRestart, remarkOnIdle} from './restart-schema.js';
import {type Keys, key, part, Section} from './section.js';
import type {BgpConfig, PeerConfig} from './types.js';
import type {Value} from './value.js';
import {address, addressOfFamily, asNumber, duration, listOf, plainName, remoteAs, whole} from './values.js';

/** RFC 4271 §4.2: 0, or at least 3 seconds, in whole seconds of a 16-bit field. */
const holdTime = duration(0, 65_535_000).superRefine((ms, context) => {
  if (ms !== 0 && ms < 3000) context.addIssue('must be 0 or at least 3s (RFC 4271)');
  else if (ms % 1000 !== 0) context.addIssue('must be whole seconds');
});

const sharedKeys = {
  local_as: key(asNumber),
  local_address: key(address),
  local_address4: key(addressOfFamily('ipv4')),
  local_address6: key(addressOfFamily('ipv6')),
  hold_time: key(holdTime),
  connect_retry: key(duration(100)),
  bfd: part(),
  graceful_restart: part(),
  ...passwordKeys,
} satisfies Keys;

const bgpKeys = {...sharedKeys, communities: part(), peers: part()};

const defaultTtl = 64;
const peerKeys = {
  ...sharedKeys,
  name: key(plainName),
  address: key(address),
  port: key(whole(1, 65_535)),
  remote_as: key(remoteAs),
  multihop: key(
    z
      .unknown()
      .transform((value) => (value === true ? defaultTtl : value === false ? null : value))
      .pipe(z.union([z.null(), whole(1, 255)], 'must be true, false, or a TTL from 1 to 255')),
  ),
  families: key(listOf(z.enum(['ipv4', 'ipv6']))),
};

const laterKeys = [
  ...['listen', 'passive', 'range', 'interface', 'vrf', 'ttl_security', 'role'],
  ...['link_bandwidth', 'delay_open', 'dscp', 'authentication', 'maintenance'],
];

/** What peers inherit; undefined where it is wrong. */
interface Inherited {
  readonly localAs: number | undefined;
  readonly localAddress4: IpAddress | null;
  readonly localAddress6: IpAddress | null;
  readonly holdTimeMs: number;
  readonly connectRetryMs: number;
  readonly password: Password | null;
  readonly bfd: BfdKeys | null;
  readonly restart: RestartKeys;
}

/** The main file's `bgp:` block; what is wrong in it is reported and left out. */
export function readBgp(value: Value, mainFile: string, files: ConfigFiles): BgpConfig | undefined {
  const inPeers = 'under `peers`, in a peer';
  const section = new Section(value, bgpKeys, {
    later: laterKeys,
    elsewhere: {
      router_id: 'beside `bgp`, not in it',
      ...Object.fromEntries(
        ['remote_as', 'multihop', 'families', 'address', 'port'].map((name) => [name, inPeers]),
      ),
    },
  });
  section.require('local_as', 'write the number of your own AS');
  section.require('peers', 'write at least one router to announce to');
  const localAs = section.get('local_as');
  if (localAs === 65_535 || localAs === 4_294_967_295) {
    section.at('local_as').warning(`AS ${localAs} is reserved (RFC 7300): many routers refuse it`);
  }
  const shared = readShared(section, mainFile, files, {
    localAs,
    localAddress4: null,
    localAddress6: null,
    holdTimeMs: 90_000,
    connectRetryMs: 5000,
    password: null,
    bfd: null,
    restart: defaultRestart,
  });
  const peers = readPeers(section.get('peers'), (peer) => readPeer(peer, shared, mainFile, files));
  remarkOnIdle(
    section.get('graceful_restart'),
    peers.some(({gracefulRestart}) => gracefulRestart),
  );
  const communities = readAliases(section.get('communities'));
  if (shared.localAs === undefined) return undefined;
  const {localAddress4: localAddress, localAddress6} = shared;
  return {localAs: shared.localAs, localAddress, localAddress6, communities, peers};
}

/** What a section says itself of the things that peers inherit, else what it inherits. */
function readShared(
  section: Section<typeof sharedKeys>,
  mainFile: string,
  files: ConfigFiles,
  above: Inherited,
): Inherited {
  const either = section.get('local_address');
  const given = {ipv4: section.get('local_address4'), ipv6: section.get('local_address6')};
  if (either !== undefined) {
    const family = familyOf(either);
    const twin = family === 'ipv4' ? 'local_address4' : 'local_address6';
    if (given[family] !== undefined)
      section.at(twin).error(`\`local_address\` already gives an ${family} address`);
    given[family] = either;
  }
  return {
    localAs: section.isSound('local_as') ? (section.get('local_as') ?? above.localAs) : undefined,
    localAddress4: given.ipv4 ?? above.localAddress4,
    localAddress6: given.ipv6 ?? above.localAddress6,
    holdTimeMs: section.get('hold_time') ?? above.holdTimeMs,
    connectRetryMs: section.get('connect_retry') ?? above.connectRetryMs,
    password: readPassword(section, mainFile, files) ?? above.password,
    bfd: readBfd(section.get('bfd'), above.bfd, mainFile, files),
    restart: readRestart(section.get('graceful_restart'), above.restart),
  };
}

function readPeers(
  value: Value | undefined,
  read: (peer: Value) => PeerConfig | undefined,
): readonly PeerConfig[] {
  if (!value) return [];
  if (!value.isList || value.items().length === 0) {
    value.error('must be a list with at least one peer (`- address: …`)');
    return [];
  }
  const peers: PeerConfig[] = [];
  for (const item of value.items()) {
    const peer = read(item);
    if (!peer) continue;
    const twin = peers.find(
      (other) =>
        other.name === peer.name ||
        (other.address === peer.address &&
          other.port === peer.port &&
          other.localAddress === peer.localAddress),
    );
    const line = twin?.position ? ` (line ${twin.position.line})` : '';
    if (twin?.name === peer.name) item.error(`there is a peer ${peer.name} already${line}`);
    else if (twin) item.error(`peer ${twin.name}${line} has the same address and port already`);
    else reportSharedBfd(item, peer, peers);
    peers.push(peer);
  }
  return peers;
}

/** RFC 5881 §3: "there MUST be only a single BFD session" between two systems; RFC 5883 between two addresses. */
function reportSharedBfd(item: Value, peer: PeerConfig, before: readonly PeerConfig[]): void {
  const twin = before.find(
    ({address, bfd, localAddress}) =>
      peer.bfd &&
      bfd?.mode === peer.bfd.mode &&
      address === peer.address &&
      localAddress === peer.localAddress,
  );
  if (!twin) return;
  item.error(`peer ${twin.name} has BFD with the same address already: write \`bfd: false\` in one of them`);
}

function readPeer(
  value: Value,
  above: Inherited,
  mainFile: string,
  files: ConfigFiles,
): PeerConfig | undefined {
  const section = new Section(value, peerKeys, {later: laterKeys});
  section.require('address', 'write the address of the router');
  section.require('remote_as', "write the router's AS number, internal or external");
  const own = readShared(section, mainFile, files, above);
  const [peer, peerAs] = [section.get('address'), section.get('remote_as')];
  if (peer?.startsWith('fe80:')) {
    section
      .at('address')
      .error('a link-local peer needs `interface`, which is not available in this version');
  }
  if (peer === undefined || peerAs === undefined || own.localAs === undefined) return undefined;
  const families: readonly IpFamily[] = section.get('families') ?? ['ipv4', 'ipv6'];
  const isInternal = peerAs === 'internal' || peerAs === own.localAs;
  const bfd = bfdFor(own.bfd, section.get('multihop') != null || isInternal);
  if (section.has('bfd') && bfd?.mode === 'single' && own.bfd?.minimumTtl != null) {
    section.at('bfd').error('`minimum_ttl` is for multihop: single hop takes a TTL of 255 only (RFC 5881)');
  }
  const {enabled: restarts, restartTimeMs, longLivedMs} = own.restart;
  remarkOnIdle(section.get('graceful_restart'), restarts);
  if (bfd?.graceful && !restarts) {
    section
      .at('bfd')
      .warning('`graceful` has no effect without `graceful_restart: true`: routes go when BFD goes down');
  }
  return {
    name: section.get('name') ?? peer,
    address: peer,
    port: section.get('port') ?? 179,
    localAs: own.localAs,
    remoteAs: peerAs,
    localAddress: familyOf(peer) === 'ipv4' ? own.localAddress4 : own.localAddress6,
    localAddress4: own.localAddress4,
    localAddress6: own.localAddress6,
    multihop: section.get('multihop') ?? null,
    password: own.password?.secret ?? null,
    ...(own.password?.file != null && {passwordFile: own.password.file}),
    families: (['ipv4', 'ipv6'] as const).filter((family) => families.includes(family)),
    holdTimeMs: own.holdTimeMs,
    connectRetryMs: own.connectRetryMs,
    ...(bfd && {bfd}),
    ...(restarts && {gracefulRestart: {restartTimeMs, longLivedMs}}),
    position: section.at('address').position,
  };
}

/** Our own names for communities. */
function readAliases(value: Value | undefined): Readonly<Record<string, Community>> {
  if (!value) return {};
  if (!value.isMapping) {
    value.error('must be a mapping of names to communities (`blue: "64512:100"`)');
    return {};
  }
  const aliases: [string, Community][] = [];
  for (const {key: name, keyPosition, value: given} of value.fields()) {
    if (isWellKnown(name)) {
      value.errorAt(
        keyPosition,
        `\`${name}\` is a well-known community and cannot mean another: take another name`,
      );
    } else if (!/^[A-Za-z][A-Za-z0-9._-]{0,63}$/.test(name)) {
      value.errorAt(
        keyPosition,
        `${JSON.stringify(name)} is no name: begin with a letter, then letters, digits, "." "_" "-"`,
      );
    }
    const written = given.read(z.string());
    if (written === undefined) continue;
    const result = parseCommunity(written, {});
    if ('error' in result) given.error(result.error);
    else if (result.community !== null) aliases.push([name, result.community]);
  }
  return Object.fromEntries(aliases);
}

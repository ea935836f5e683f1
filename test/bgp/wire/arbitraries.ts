/** Values for property tests: prefixes, attributes and messages as they may stand on the wire. */

import fc from 'fast-check';
import type {AsPathSegment, Capability, Open, PathAttribute} from '../../../agent/bgp/wire/message.js';
import {addressFromBytes, prefixFromBytes} from '../../../agent/lib/prefix.js';
import type {Community, IpAddress, IpFamily, Prefix} from '../../../agent/types.js';

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffffffff);

export function octets(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({minLength: length, maxLength: length});
}

/** Plain objects, as a decoder makes them. */
export function record<T>(model: {[K in keyof T]: fc.Arbitrary<T[K]>}): fc.Arbitrary<T> {
  return fc.record(model, {noNullPrototype: true}) as fc.Arbitrary<T>;
}

/** IPv6 addresses with long and short rows of zeros, as the canonical text has cases for them. */
export function anyPrefix(family: IpFamily): fc.Arbitrary<Prefix> {
  const size = family === 'ipv4' ? 4 : 16;
  const octet = fc.oneof({weight: 1, arbitrary: fc.constant(0)}, {weight: 1, arbitrary: u8});
  return fc
    .tuple(fc.array(octet, {minLength: size, maxLength: size}), fc.nat(size * 8))
    .map(([bytes, length]) => prefixFromBytes(family, Uint8Array.from(bytes), length))
    .filter((prefix) => !prefix.startsWith('::ffff:'));
}

/** Any identifier but 0.0.0.0, which is none. */
export const anyId: fc.Arbitrary<IpAddress> = octets(4)
  .filter((bytes) => bytes.some((octet) => octet > 0))
  .map((bytes) => addressFromBytes('ipv4', bytes));

export const hostAddress: fc.Arbitrary<IpAddress> = fc
  .tuple(fc.integer({min: 1, max: 126}), u8, u8, u8)
  .map((bytes) => addressFromBytes('ipv4', Uint8Array.from(bytes)));

const preserved = {afi: u16, safi: u8, forwarding: fc.boolean()};

const anyCapability: fc.Arbitrary<Capability> = fc.oneof(
  record({
    kind: fc.constant('graceful-restart' as const),
    restarted: fc.boolean(),
    notification: fc.boolean(),
    restartTimeS: fc.nat(0xfff),
    families: fc.array(record(preserved), {maxLength: 8}),
  }),
  record({
    kind: fc.constant('long-lived-graceful-restart' as const),
    families: fc.array(record({...preserved, staleTimeS: fc.nat(0xff_ffff)}), {maxLength: 8}),
  }),
  record({kind: fc.constant('multiprotocol' as const), afi: u16, safi: u8}),
  fc.constant({kind: 'route-refresh' as const}),
  record({
    kind: fc.constant('unknown' as const),
    code: u8.filter((code) => ![1, 2, 64, 65, 71].includes(code)),
    value: fc.uint8Array({maxLength: 60}),
  }),
);

/** Acceptable OPENs, with the capability that tells an AS number above 65535. */
export const anyOpen: fc.Arbitrary<Open> = fc
  .record({
    as: fc.integer({min: 1, max: 0xffffffff}),
    holdTimeS: u16.filter((seconds) => seconds !== 1 && seconds !== 2),
    bgpId: anyId,
    capabilities: fc.array(anyCapability, {maxLength: 12}),
  })
  .map(({as, holdTimeS, bgpId, capabilities}) => ({
    type: 'open',
    version: 4,
    as,
    holdTimeS,
    bgpId,
    capabilities: as > 0xffff ? [...capabilities, {kind: 'four-octet-as', as}] : capabilities,
  }));

const segmentsOf = (maxAs: number): fc.Arbitrary<AsPathSegment[]> =>
  fc.array(
    record({
      kind: fc.constantFrom('set' as const, 'sequence' as const),
      as: fc.array(fc.integer({min: 1, max: maxAs}), {minLength: 1, maxLength: 20}),
    }),
    {maxLength: 3},
  );

const standard = fc.tuple(u16, u16).map((parts) => parts.join(':') as Community);
const large = fc.tuple(u32, u32, u32).map((parts) => `large:${parts.join(':')}` as Community);

/**
 * Valid attributes as an internal peer may send them on such a session, each kind at most once, in the order in which they
 * are written. ORIGIN, AS_PATH, NEXT_HOP and LOCAL_PREF are always there.
 */
export function anyAttributes(fourOctetAs: boolean): fc.Arbitrary<PathAttribute[]> {
  const maxAs = fourOctetAs ? 0xffffffff : 0xffff;
  const as = fc.integer({min: 1, max: maxAs});
  const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, {nil: undefined});
  const kind = <Kind extends string>(name: Kind) => fc.constant(name);
  return fc
    .tuple(
      record({
        kind: kind('origin'),
        origin: fc.constantFrom('igp' as const, 'egp' as const, 'incomplete' as const),
      }),
      record({kind: kind('as-path'), segments: segmentsOf(maxAs)}),
      record({kind: kind('next-hop'), address: hostAddress}),
      maybe(record({kind: kind('med'), value: u32})),
      record({kind: kind('local-preference'), value: u32}),
      maybe(record({kind: kind('atomic-aggregate')})),
      maybe(record({kind: kind('aggregator'), as, address: hostAddress})),
      maybe(
        record({
          kind: kind('communities'),
          communities: fc.array(standard, {minLength: 1, maxLength: 80}),
        }),
      ),
      maybe(record({kind: kind('originator-id'), id: hostAddress})),
      maybe(record({kind: kind('cluster-list'), ids: fc.array(hostAddress, {minLength: 1, maxLength: 5})})),
      maybe(record({kind: kind('extended-communities'), value: octets(16)})),
      maybe(
        record({
          kind: kind('large-communities'),
          communities: fc.array(large, {minLength: 1, maxLength: 25}),
        }),
      ),
      maybe(
        record({
          kind: kind('unknown'),
          flags: fc.constantFrom(0x80, 0xc0, 0xe0),
          code: fc.integer({min: 33, max: 255}),
          value: fc.uint8Array({maxLength: 300}),
        }),
      ),
    )
    .map((attributes): PathAttribute[] => attributes.filter((attribute) => attribute !== undefined));
}

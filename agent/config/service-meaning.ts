/** What a service document means beside the main file: questions that no key can answer alone. */

import {allowGate} from '../lib/allow.js';
import {contains, familyOf, hostPrefix, isHost, parseAddress} from '../lib/prefix.js';
import type {AnnouncerName, IpAddress, NextHop, Prefix} from '../types.js';
import {plainBlock} from './announce-schema.js';
import {announcedAs, checkOverride, targetsOf} from './announce-targets.js';
import {unsupportedAttributes, unsupportedPrefix} from './bird.js';
import {remarkOnDrain} from './drain-meaning.js';
import {exabgpNextHop, noExabgpNextHop, unsupportedByExabgp} from './exabgp.js';
import {unsupportedByFrr} from './frr.js';
import {gobgpNextHop, noGobgpNextHop, unsupportedByGobgp} from './gobgp.js';
import type {MainParts} from './main-schema.js';
import {shortestRestartMs, slowProof} from './restart-schema.js';
import type {ReadService} from './service-schema.js';
import type {AnnounceBlock, AnnounceOverride} from './types.js';
import type {Value} from './value.js';

/** Reports what cannot be meant. Parts of the main file that are wrong themselves are not asked. */
export function checkMeaning(service: ReadService, main: MainParts): void {
  checkAllowed(service, main);
  refuseSessionAddresses(service, main);
  refuseChecksOfOwnAddresses(service);
  checkFamilies(service, main);
  remarkOnDegraded(service);
  checkDriven(service, main);
  remarkOnSlowProof(service, main);
  checkExabgpNextHops(service, main);
  remarkOnGobgpNextHops(service, main);
  remarkOnCovering(service, main);
  for (const {block, value} of service.blocks) checkNextHop(block.nextHop, service, value);
  const {config} = service;
  const peers = main.bgp?.peers.map(({name}) => name) ?? [];
  for (const [value, override] of overridesOf(service)) {
    if (override === null) continue;
    checkOverride(value, override, config.announce, config.prefixes, peers);
    if (override.nextHop) checkNextHop(override.nextHop, service, value);
  }
  remarkOnDrain(service, main);
}

/** Every network of every block, aggregates for themselves. */
function checkAllowed({config, prefixes}: ReadService, {allow}: MainParts): void {
  if (allow === undefined) return;
  const isAllowed = allowGate(allow);
  const asked = new Set<Prefix>();
  for (const block of config.announce) {
    for (const {prefix, value} of prefixes) {
      const announced = announcedAs(prefix, block);
      if (announced === null || asked.has(announced)) continue;
      asked.add(announced);
      if (isAllowed(announced)) continue;
      const what = announced === prefix ? `${prefix}` : `the aggregate ${announced}`;
      const why =
        allow === null
          ? 'without `allow` only host routes are announced'
          : '`allow` in the main file does not hold it';
      value.error(`service ${config.name} may not announce ${what}: ${why}`);
    }
  }
}

/** What peers keep during a restart they keep for so long. */
function remarkOnSlowProof({config, section}: ReadService, {bgp}: MainParts): void {
  const restartMs = shortestRestartMs(bgp);
  if (restartMs === null) return;
  for (const check of config.checks) {
    const reason = slowProof(check, restartMs);
    if (reason !== null) section.value.warning(`check ${check.name}: ${reason}`);
  }
}

/** A session from a VIP would die with the service, and its packets could return to another host. */
function refuseSessionAddresses({config, prefixes}: ReadService, {bgp}: MainParts): void {
  const used = new Map<Prefix, string>();
  for (const {name, localAddress4, localAddress6, address} of bgp?.peers ?? []) {
    for (const local of [localAddress4, localAddress6])
      if (local) used.set(hostPrefix(local), 'our own in sessions');
    used.set(hostPrefix(address), `that of peer ${name}`);
  }
  const places = new Map(prefixes.map(({prefix, value}) => [prefix, value]));
  for (const address of config.addresses) {
    const whose = used.get(address);
    if (whose !== undefined)
      places.get(address)?.error(`the address of ${address} is ${whose}: it cannot be a VIP`);
  }
}

/** Under `when_up` such a check could never pass: the address comes only once it has. */
function refuseChecksOfOwnAddresses({checks, config}: ReadService): void {
  if (config.addressMode !== 'when_up') return;
  const own = new Set(config.addresses);
  for (const {connectsTo, value} of checks) {
    const address = connectsTo.map(asAddress).find((host) => host !== null && own.has(hostPrefix(host)));
    if (!address) continue;
    value.error(
      `connects to ${address}, which is put on only while service ${config.name} is up: set kernel.addresses: always`,
    );
  }
}

/** Without `when_degraded` nothing tells a degraded service from one that is up: some scripts mean "failed" by 1. */
function remarkOnDegraded({checks, config}: ReadService): void {
  if (config.whenDegraded !== null) return;
  for (const {degradedByDefault, value} of checks) if (degradedByDefault) value.warning(degradedByDefault);
}

function checkNextHop(nextHop: NextHop, {config, prefixes}: ReadService, place: Value): void {
  if (nextHop === 'self') return;
  for (const address of [nextHop.ipv4, nextHop.ipv6]) {
    const around = address && prefixes.find(({prefix}) => contains(prefix, address));
    if (around)
      place.error(
        `next hop ${address} lies in ${around.prefix}, which service ${config.name} announces itself`,
      );
  }
}

/** A prefix that nobody can take is most likely a mistake in `families`. */
function checkFamilies({config, prefixes}: ReadService, {bgp}: MainParts): void {
  if (!bgp || bgp.peers.length === 0) return;
  const names = bgp.peers.map(({name}) => name);
  const targets = new Set(config.announce.flatMap((block) => targetsOf(block, names)));
  const reached = bgp.peers.filter(({name}) => targets.has(name));
  if (reached.length === 0) return;
  const families = new Set(reached.flatMap((peer) => peer.families));
  for (const {prefix, value} of prefixes) {
    const family = familyOf(prefix);
    if (!families.has(family)) value.warning(`no peer of service ${config.name} takes ${family} routes`);
  }
}

/** A daemon that is driven, and what it cannot be told. */
interface Driven {
  readonly name: AnnouncerName;
  readonly unsupported: (route: AnnounceBlock) => readonly string[];
  /** Why, and what to do about it. */
  readonly remedy: string;
  readonly unsupportedPrefix: (prefix: Prefix) => string | null;
}

function drivenBy({bird, exabgp, frr, gobgp}: MainParts): readonly Driven[] {
  const driven: Driven[] = [];
  if (bird) {
    driven.push({
      name: 'bird',
      unsupported: (route) => unsupportedAttributes(bird, route),
      remedy: `to BIRD with \`form: ${bird.form}\`: leave bird out with \`via\`, or set bird.attributes: ignore`,
      unsupportedPrefix: (prefix) => unsupportedPrefix(bird, prefix),
    });
  }
  if (frr) {
    const how = frr.onlyConfigured ? ' with `only_configured: true`' : '';
    driven.push({
      name: 'frr',
      unsupported: (route) => unsupportedByFrr(frr, route),
      remedy: `to FRR${how}: leave frr out with \`via\``,
      unsupportedPrefix: () => null,
    });
  }
  if (exabgp) {
    const remedy = exabgp.localAs === null ? ', or set exabgp.local_as where a path is prepended' : '';
    driven.push({
      name: 'exabgp',
      unsupported: (route) => unsupportedByExabgp(exabgp, route),
      remedy: `to ExaBGP: leave exabgp out with \`via\`${remedy}`,
      unsupportedPrefix: () => null,
    });
  }
  if (gobgp) {
    driven.push({
      name: 'gobgp',
      unsupported: unsupportedByGobgp,
      remedy: 'to GoBGP: leave gobgp out with `via`',
      unsupportedPrefix: () => null,
    });
  }
  return driven;
}

/** An IPv6 prefix without a next hop would spoil others as well. */
function checkExabgpNextHops({blocks, prefixes}: ReadService, {exabgp}: MainParts): void {
  if (!exabgp) return;
  for (const {block, value} of blocks) {
    const lacks = ({prefix}: {readonly prefix: Prefix}): boolean =>
      exabgpNextHop(exabgp, {prefix, nextHop: block.nextHop}) === null;
    if ((block.via?.includes('exabgp') ?? true) && prefixes.some(lacks)) value.error(noExabgpNextHop);
  }
}

/** Whether GoBGP's sessions are IPv4 is not known here. */
function remarkOnGobgpNextHops({blocks, prefixes}: ReadService, {gobgp}: MainParts): void {
  if (!gobgp) return;
  for (const {block, value} of blocks) {
    if (!(block.via?.includes('gobgp') ?? true)) continue;
    const lacking = prefixes.find(
      ({prefix}) =>
        familyOf(prefix) === 'ipv6' && gobgpNextHop(gobgp, {prefix, nextHop: block.nextHop}) === null,
    );
    if (lacking) value.warning(`${lacking.prefix} ${noGobgpNextHop}`);
  }
}

/** Networks have no address of their own that FRR would find a route to. */
function remarkOnCovering({blocks, prefixes}: ReadService, {frr, kernel}: MainParts): void {
  if (!frr || frr.onlyConfigured || kernel !== null) return;
  for (const {block, value} of blocks) {
    if (!(block.via?.includes('frr') ?? true)) continue;
    const network = prefixes
      .map(({prefix}) => announcedAs(prefix, block))
      .find((announced) => announced !== null && !isHost(announced));
    if (!network) continue;
    value.warning(
      `FRR announces ${network} only with a route to exactly that: write \`kernel: {}\` in the main file, ` +
        'which adds one (or `no bgp network import-check` in FRR)',
    );
  }
}

/** What a daemon is asked to announce and cannot be told. */
function checkDriven({blocks, config, prefixes, section}: ReadService, main: MainParts): void {
  for (const {name, remedy, unsupported, unsupportedPrefix: refuse} of drivenBy(main)) {
    const goes = ({via}: AnnounceOverride): boolean => via?.includes(name) ?? true;
    const report = (value: Value, attributes: AnnounceBlock): void => {
      const keys = unsupported(attributes);
      if (keys.length > 0)
        value.error(`${keys.map((key) => `\`${key}\``).join(', ')} cannot be said ${remedy}`);
    };
    for (const {block, value} of blocks) if (goes(block)) report(value, block);
    const [first] = config.announce;
    for (const [value, override] of overridesOf({config, section})) {
      if (!first || !override || !goes({...first, ...override})) continue;
      // Only what the override itself says: the rest is reported where it stands.
      report(value, {...plainBlock, ...override});
    }
    if (!config.announce.some(goes)) continue;
    for (const {prefix, value} of prefixes) {
      const why = refuse(prefix);
      if (why) value.error(why);
    }
  }
}

function overridesOf({
  config,
  section,
}: Pick<ReadService, 'config' | 'section'>): readonly (readonly [Value, AnnounceOverride | null])[] {
  return [
    [section.at('when_degraded'), config.whenDegraded],
    [section.at('when_down'), config.whenDown === 'withdraw' ? null : config.whenDown.override],
    [section.at('drain'), config.drain.override],
  ];
}

function asAddress(host: string): IpAddress | null {
  try {
    return parseAddress(host.replace(/^\[(.*)\]$/, '$1'));
  } catch {
    return null;
  }
}

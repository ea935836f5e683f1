/** `watchdog --ipvs`: every VIP that IPVS serves as a service document, as a person would write it: pure. */

import type {ConfigSource} from '../config/parse.js';
import type {IpvsService} from '../control/ipvs-protocol.js';
import {comparePrefixes, contains, hostPrefix} from '../lib/prefix.js';
import type {IpAddress, Json, JsonObject, Prefix} from '../types.js';

/** What the command line says about the VIPs. */
export interface IpvsWatch {
  /** Keys of the `ipvs` check, but for what is looked at. */
  readonly thresholds: JsonObject;
  /** How many of a VIP's services must do. */
  readonly ports: 'all' | 'any' | number;
  /** VIPs in one of these; none: all. */
  readonly only: readonly Prefix[];
  readonly exclude: readonly Prefix[];
  /** Which VIPs a firewall mark stands for. */
  readonly marks: ReadonlyMap<number, readonly IpAddress[]>;
  /** Keys of `announce` for a VIP that is degraded; empty: as when it is up. */
  readonly whenDegraded: JsonObject;
  /** A VIP that IPVS has not listed for so long is forgotten. */
  readonly forgetAfterMs: number;
}

/** The name under which problems of these documents are reported. */
export const ipvsSource = 'IPVS';

/** Whether the VIP is any of our business. */
export function isWatched(vip: IpAddress, {exclude, only}: IpvsWatch): boolean {
  const isIn = (ranges: readonly Prefix[]): boolean => ranges.some((range) => contains(range, vip));
  return (only.length === 0 || isIn(only)) && !isIn(exclude);
}

/** The VIPs in a table that are watched, and the marks in it that nobody has said the VIPs of. */
export function vipsIn(
  services: readonly IpvsService[],
  watch: IpvsWatch,
): {readonly vips: readonly IpAddress[]; readonly unknownMarks: readonly number[]} {
  const vips = new Set<IpAddress>();
  const unknownMarks = new Set<number>();
  for (const service of services) {
    if (service.kind === 'fwmark') {
      if (!watch.marks.has(service.mark)) unknownMarks.add(service.mark);
    } else if (isWatched(service.address, watch)) {
      vips.add(service.address);
    }
  }
  return {vips: [...vips], unknownMarks: [...unknownMarks].sort((a, b) => a - b)};
}

/** One document for each VIP whose prefix is not `named` by a file; the VIPs of marks beside the given ones. */
export function documentsFor(
  vips: readonly IpAddress[],
  watch: IpvsWatch,
  named: ReadonlySet<Prefix>,
): readonly ConfigSource[] {
  const marked = [...watch.marks.values()].flat().filter((vip) => isWatched(vip, watch));
  const byAddress = new Set(vips);
  return [...new Set([...vips, ...marked])]
    .filter((vip) => !named.has(hostPrefix(vip)))
    .sort((a, b) => comparePrefixes(hostPrefix(a), hostPrefix(b)))
    .map((vip) => {
      const marks = [...watch.marks].flatMap(([mark, its]) => (its.includes(vip) ? [mark] : []));
      // JSON is YAML.
      return {file: ipvsSource, text: JSON.stringify(documentFor(vip, byAddress.has(vip), marks, watch))};
    });
}

/** `ipvs-192.0.2.1`, `ipvs-2001-db8--1`: names of services have no colons. */
export function serviceNameOf(vip: IpAddress): string {
  return `ipvs-${vip.replaceAll(':', '-')}`;
}

function documentFor(
  vip: IpAddress,
  isByAddress: boolean,
  marks: readonly number[],
  {ports, thresholds, whenDegraded}: IpvsWatch,
): Json {
  const common = {type: 'ipvs', vip, ...thresholds};
  const checks = [
    ...(isByAddress ? [{name: 'ipvs', ...common, ports}] : []),
    ...marks.map((fwmark) => ({name: `fwmark-${fwmark}`, ...common, fwmark})),
  ];
  return {
    name: serviceNameOf(vip),
    prefixes: [hostPrefix(vip)],
    checks,
    require: ports === 'any' ? 'any' : 'all',
    ...(Object.keys(whenDegraded).length > 0 && {when_degraded: whenDegraded}),
  };
}

/** Counting realservers and judging the count. */

import type {IpvsServer, IpvsService} from '../../agent/control/ipvs-protocol.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import type {IpAddress, Verdict} from '../../agent/types.js';
import {plural} from './text.js';

export interface Thresholds {
  readonly unit: 'servers' | 'weight';
  /** Pass at or above. */
  readonly minUp: number;
  /** Fail at or below; `hold` between the two. */
  readonly maxDown: number;
  /** A server of less weight does not count. */
  readonly minWeight: number;
  readonly degradedBelow: {readonly kind: 'number' | 'percent'; readonly value: number} | null;
}

/** What was counted for one service, and what that means. */
export interface Tally {
  readonly name: string;
  readonly counted: number;
  readonly expected: number | null;
  /** Servers in the table, counted or not. */
  readonly listed: number;
  readonly verdict: Verdict;
  readonly reason: string;
}

/** How many of several services must do: the worst, the best or the Nth best decides. */
export type Quorum = 'all' | 'any' | number;

/** A server address; `port` null: on every port. */
export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number | null;
}

export function judge(
  service: IpvsService,
  counted: number,
  expected: number | null,
  {unit, minUp, maxDown, degradedBelow}: Thresholds,
): Tally {
  const name = nameOf(service);
  const result = (verdict: Verdict, remark: string): Tally => ({
    name,
    counted,
    expected,
    listed: service.servers.length,
    verdict,
    reason: `${name}: ${amount(counted, expected, unit)}${remark}`,
  });
  const [unreadable] = service.unreadable;
  if (unreadable !== undefined) return result('error', `, cannot read "${unreadable}"`);
  if (counted <= maxDown) return result('fail', `, needs ${minUp}`);
  if (counted < minUp) return result('hold', `, between max_down ${maxDown} and min_up ${minUp}`);
  const floor =
    degradedBelow?.kind === 'percent' ? (degradedBelow.value / 100) * (expected ?? 0) : degradedBelow?.value;
  if (floor !== undefined && counted < floor) {
    const sign = degradedBelow?.kind === 'percent' ? '%' : '';
    return result('degraded', `, degraded below ${degradedBelow?.value}${sign}`);
  }
  return result('pass', '');
}

const worstFirst: readonly Verdict[] = ['fail', 'error', 'hold', 'degraded', 'pass'];

/** The verdict over several services; the reason begins with those that decide it. */
export function combined(tallies: readonly Tally[], quorum: Quorum): {verdict: Verdict; reason: string} {
  const sorted = tallies.toSorted((a, b) => worstFirst.indexOf(a.verdict) - worstFirst.indexOf(b.verdict));
  const deciding = quorum === 'all' ? sorted[0] : sorted.at(quorum === 'any' ? -1 : -quorum);
  if (!deciding) {
    const found = `${plural(tallies.length, 'service')} in the IPVS table, ports wants ${quorum}`;
    return {verdict: 'fail', reason: found};
  }
  const others = sorted.filter((tally) => tally !== deciding);
  return {
    verdict: deciding.verdict,
    reason: [deciding, ...others].map((tally) => tally.reason).join('; '),
  };
}

/** Whether a server counts as up: enough weight, and no sorry server. */
export function isCounted(server: IpvsServer, excluded: readonly Endpoint[], minWeight: number): boolean {
  return (
    server.weight >= minWeight &&
    !excluded.some(({address, port}) => address === server.address && (port === null || port === server.port))
  );
}

/** `TCP 192.0.2.10:80`, `fwmark 7 ipv6`. */
export function nameOf(service: IpvsService): string {
  if (service.kind === 'fwmark') return `fwmark ${service.mark}${service.family ? ` ${service.family}` : ''}`;
  const {protocol, address, port} = service;
  return `${protocol.toUpperCase()} ${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** `10.0.0.1`, `10.0.0.1:80`, `2001:db8::1`, `[2001:db8::1]:80`; null for anything else. */
export function parseEndpoint(text: string): Endpoint | null {
  const [, v6, v4, digits] = /^(?:\[(.+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const port = digits === undefined ? null : Number(digits);
  if (port !== null && port > 65535) return null;
  try {
    return {address: parseAddress(v6 ?? v4 ?? text), port};
  } catch {
    return null;
  }
}

function amount(counted: number, expected: number | null, unit: Thresholds['unit']): string {
  if (unit === 'weight') return expected === null ? `weight ${counted}` : `weight ${counted} of ${expected}`;
  return expected === null ? plural(counted, 'server') : `${counted} of ${plural(expected, 'server')}`;
}

/** The tables of `status`, as cells. Pure. */

import {age} from '../lib/age.js';
import {printable} from '../lib/printable.js';
import {styleOfWord} from '../lib/styles.js';
import type {Json} from '../types.js';
import type {CheckStatus, PeerStatus, RouteStatus, ServiceStatus} from './status.js';
import type {Cell, Column, Span} from './table.js';

/** A row of which nothing has to be said when there is no room is `calm`. */
export interface Row {
  readonly cells: readonly Cell[];
  readonly calm: boolean;
  /** A line below the row. */
  readonly note?: string;
}

export interface Section {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  /** What the calm rows that are left out are: `services, all up`. */
  readonly calmly: string;
}

export function servicesSection(services: readonly ServiceStatus[], now: number): Section {
  return {
    calmly: 'services, all up',
    columns: [
      {title: 'SERVICE', least: 12},
      {title: 'STATE'},
      {title: 'SINCE'},
      {title: 'PREFIXES', least: 18},
      {title: 'WHY', least: 16},
    ],
    rows: services.map((service) => {
      const trending = service.checks.map(trend).find((found) => found !== null) ?? null;
      return {
        calm: service.state === 'up' && trending === null && service.admin.state === 'enabled',
        cells: [
          printable(service.name),
          stateCell(service, trending),
          age(now - Date.parse(service.since)),
          prefixesText(service.prefixes),
          printable(why(service)),
        ],
      };
    }),
  };
}

function stateCell({state, admin}: ServiceStatus, trending: string | null): Cell {
  const spans: Span[] = [word(state)];
  if (trending !== null)
    spans.push({text: ` ${trending}`, style: trending.startsWith('rising') ? 'green' : 'yellow'});
  if (admin.state !== 'enabled') spans.push({text: ' '}, word(admin.drain_until ? 'draining' : admin.state));
  return spans;
}

/** The first ones, and how many more: `192.168.0.16/32, 2001:db8::1/128 +6`. */
function prefixesText(prefixes: readonly string[]): string {
  const more = prefixes.length - 2;
  return prefixes.slice(0, 2).join(', ') + (more > 0 ? ` +${more}` : '');
}

/** `rising 2/3` while a check counts towards a better state, `falling 1/2` towards a worse one. */
export function trend({state, verdict, run, rise, fall}: CheckStatus): string | null {
  if (run === null) return null;
  if (run < 0) return state === 'down' ? null : `falling ${Math.min(-run, fall)}/${fall}`;
  if (state === 'up') return verdict === 'degraded' ? `falling ${Math.min(run, fall)}/${fall}` : null;
  if (state === 'degraded' && verdict === 'degraded') return null;
  return `rising ${Math.min(run, rise)}/${rise}`;
}

/** What the check says that makes, or is about to change, the state. */
function why({state, reason, checks, admin}: ServiceStatus): string {
  if (admin.state !== 'enabled') return byWhom(admin) ?? reason;
  const telling =
    checks.find((check) => trend(check) !== null) ??
    checks.find((check) => check.state === state && check.state !== 'up') ??
    checks.find((check) => check.state !== 'up');
  if (!telling) {
    return checks.length > 1 ? `all ${checks.length} checks up` : (checks[0]?.reason ?? reason);
  }
  if (telling.reason === null) return reason;
  return checks.length === 1 ? telling.reason : `${telling.name}: ${telling.reason}`;
}

/** `by alice until 2026-11-21T14:00Z: kernel update`. */
export function byWhom({
  by,
  until,
  reason,
}: Pick<ServiceStatus['admin'], 'by' | 'until' | 'reason'>): string | null {
  if (by === null) return reason;
  const end = until === null ? '' : ` until ${until.replace(/:\d\d\.\d+Z$/, 'Z')}`;
  return `by ${by}${end}${reason === null ? '' : `: ${reason}`}`;
}

export function checksSection(checks: readonly CheckStatus[], now: number): Section {
  return {
    calmly: 'checks, all up',
    columns: [
      {title: 'CHECK', least: 12},
      {title: 'TYPE'},
      {title: 'STATE'},
      {title: 'LAST'},
      {title: 'IN A ROW', align: 'right'},
      {title: 'TOOK', align: 'right'},
      {title: 'AGO', align: 'right'},
      {title: 'MISSED', align: 'right'},
      {title: 'REASON', least: 16},
    ],
    rows: checks.map((check) => ({
      calm: check.state === 'up' && trend(check) === null,
      cells: [
        printable(check.name),
        check.type,
        [word(check.state)],
        check.verdict === null ? '' : [word(check.verdict)],
        check.run === null ? '' : `${Math.abs(check.run)}`,
        check.duration_ms === null ? '' : `${Math.round(check.duration_ms)} ms`,
        check.at === null ? '' : age(now - Date.parse(check.at)),
        check.missed === 0 ? '' : String(check.missed),
        printable(check.reason ?? ''),
      ],
    })),
  };
}

export function routesSection(routes: readonly RouteStatus[]): Section {
  return {
    calmly: 'routes, all as they should be',
    columns: [
      {title: 'ROUTE', least: 18},
      {title: 'OF', least: 8},
      {title: 'KERNEL'},
      {title: 'NEXT HOP', least: 12},
      {title: 'MED', align: 'right'},
      {title: 'ANNOUNCED TO', least: 16},
    ],
    rows: routes.map((route) => {
      const places = placesOf(route);
      const unique = (values: readonly (string | null)[]): string =>
        [...new Set(values)].filter(Boolean).join(' ');
      const {held} = route;
      const reasons = [
        ...(held ? [printable(`held out ${byWhom(held)}`)] : []),
        ...Object.entries(route.reasons).map(([name, reason]) =>
          printable(name === 'bgp' ? reason : `${name}: ${reason}`),
        ),
      ];
      return {
        calm: route.wanted && reasons.length === 0 && statesOf(route).every(isCalm),
        ...(reasons.length === 0 ? {} : {note: reasons.join('; ')}),
        cells: [
          [{text: route.prefix, ...(route.wanted ? {} : {style: 'dim' as const})}],
          printable(route.owners.join(', ')),
          kernelCell(route),
          unique(places.map(({nextHop}) => nextHop)),
          unique(places.map(({med}) => med)),
          placesCell(places),
        ],
      };
    }),
  };
}

/** What has a route, in the kernel and elsewhere. */
export function whereCells(route: Pick<RouteStatus, 'announcers'>): {
  readonly kernel: Cell;
  readonly announced: Cell;
} {
  return {kernel: kernelCell(route), announced: placesCell(placesOf(route))};
}

/** Where a route is announced, or should be: one peer of ours, or another daemon. */
interface Place {
  readonly name: string;
  readonly state: string;
  readonly nextHop: string | null;
  readonly med: string | null;
}

function placesOf({announcers}: Pick<RouteStatus, 'announcers'>): Place[] {
  return Object.entries(announcers).flatMap(([announcer, item]) => {
    if (announcer === 'kernel') return [];
    if (typeof item === 'string') return [{name: announcer, state: item, nextHop: null, med: null}];
    return Object.entries(asObject(item)).map(([name, at]) => {
      const {state, next_hop, med} = asObject(typeof at === 'string' ? {state: at} : at);
      return {name, state: text(state) ?? 'unknown', nextHop: text(next_hop), med: text(med)};
    });
  });
}

/** Names of those that have it; in front of the others the word for what is the matter. */
function placesCell(places: readonly Place[]): Cell {
  const groups = new Map<string, string[]>();
  for (const {name, state} of places) {
    if (state === 'not-wanted') continue;
    groups.set(state, [...(groups.get(state) ?? []), printable(name)]);
  }
  const inOrder = [...groups].sort(([a], [b]) => Number(isThere(b)) - Number(isThere(a)));
  return inOrder.flatMap(([state, names], i): Span[] => [
    {text: `${i > 0 ? ', ' : ''}`},
    {text: isThere(state) ? names.join(', ') : `${state} ${names.join(', ')}`, style: styleOfWord(state)},
  ]);
}

function kernelCell({announcers}: Pick<RouteStatus, 'announcers'>): Cell {
  const {address, route} = asObject(announcers.kernel);
  const parts = [
    ['', text(address)],
    ['route ', text(route)],
  ] as const;
  const said = parts.flatMap(([what, state]) =>
    state === null || state === 'not-wanted' ? [] : [{what, state}],
  );
  const [first, second] = said;
  const same = first && second && first.state === second.state ? [first] : said;
  return same.flatMap(({what, state}, i): Span[] => [
    {text: `${i > 0 ? ', ' : ''}${what}`},
    {text: state, style: styleOfWord(state)},
  ]);
}

export function peersSection(peers: readonly PeerStatus[], now: number): Section {
  return {
    calmly: 'peers, all established',
    columns: [
      {title: 'PEER', least: 12},
      {title: 'STATE'},
      {title: 'SINCE'},
      {title: 'AS', align: 'right'},
      {title: 'ADDRESS'},
      {title: 'SENT', align: 'right'},
      {title: 'RECEIVED', align: 'right'},
      {title: 'WHY', least: 16},
    ],
    rows: peers.map((peer) => ({
      calm:
        peer.state === 'established' &&
        (peer.bfd === null || peer.bfd === 'up') &&
        peer.admin.state === 'enabled',
      cells: [
        printable(peer.name),
        peerState(peer),
        age(now - Date.parse(peer.since)),
        peer.remote_as === null ? '' : String(peer.remote_as),
        peer.address,
        String(peer.announced),
        String(peer.received),
        printable(whyPeer(peer)),
      ],
    })),
  };
}

/** `established, bfd up, draining`. */
function peerState({admin, bfd, state}: PeerStatus): Cell {
  const wanted = admin.drain_until === null ? admin.state : 'draining';
  return [
    word(state),
    ...(bfd === null ? [] : [{text: ', bfd '}, word(bfd)]),
    ...(wanted === 'enabled' ? [] : [{text: ', '}, word(wanted)]),
  ];
}

function whyPeer({admin, bfd_reason, last_error}: PeerStatus): string {
  if (admin.state !== 'enabled') return byWhom(admin) ?? '';
  return last_error ?? (bfd_reason === null ? '' : `bfd: ${bfd_reason}`);
}

/** Whether anything that tells others of it has it; the host route only where nothing else is to tell of it. */
export function isAnnounced(route: RouteStatus): boolean {
  const places = placesOf(route).flatMap(({state}) => (state === 'not-wanted' ? [] : [state]));
  const hostRoute = text(asObject(route.announcers.kernel).route);
  return (places.length > 0 ? places : [hostRoute ?? '']).some(isThere);
}

/** Every word that is said of it. */
function statesOf(route: RouteStatus): string[] {
  const {address, route: hostRoute} = asObject(route.announcers.kernel);
  const kernel = [text(address) ?? 'not-wanted', text(hostRoute) ?? 'not-wanted'];
  return [...placesOf(route).map(({state}) => state), ...kernel].filter((state) => state !== 'not-wanted');
}

/** Nothing to tell of: it is as it should be, or the table of peers tells why not. */
function isCalm(state: string): boolean {
  return isThere(state) || state === 'foreign' || state === 'peer-down';
}

function isThere(state: string): boolean {
  return state === 'announced' || state === 'installed';
}

function word(text: string): Span {
  return {text, style: styleOfWord(text)};
}

function asObject(value: Json | undefined): Readonly<Record<string, Json>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Readonly<Record<string, Json>>)
    : {};
}

function text(value: Json | undefined): string | null {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : null;
}

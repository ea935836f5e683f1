/** From what FRR has and what is wanted to the commands between the two: pure. */

import {
  type FrrNetwork,
  type FrrRunningConfig,
  isOurLine,
  ourRouteMaps,
} from '../control/frr-config-protocol.js';
import type {FrrDialect} from '../control/frr-show-protocol.js';
import {familyOf} from '../lib/prefix.js';
import type {IpFamily, Prefix} from '../types.js';
import {defineRouteMap, type FrrRouteMap} from './frr-route-map.js';

/** What is to stand in the configuration for a prefix: a line with a route-map of ours, or the operator's own. */
export type WantedLine =
  | {readonly kind: 'ours'; readonly map: FrrRouteMap}
  | {readonly kind: 'operator'; readonly line: FrrNetwork};

export type LineChange =
  | {readonly kind: 'set'; readonly line: FrrNetwork; readonly before: FrrNetwork | null}
  | {readonly kind: 'remove'; readonly before: FrrNetwork};

export interface FrrPlan {
  /** Route-maps that are missing. */
  readonly maps: readonly FrrRouteMap[];
  readonly lines: ReadonlyMap<Prefix, LineChange>;
  /** Lines of the operator that go: to be written down before. */
  readonly replaced: readonly FrrNetwork[];
}

export interface PlanInput {
  readonly running: FrrRunningConfig;
  readonly wanted: ReadonlyMap<Prefix, WantedLine>;
  /** A line that is not wanted, ours or the operator's: what becomes of it. */
  readonly unwanted: (line: FrrNetwork) => 'stays' | 'goes';
}

/** What is to change. */
export function planChanges({running, wanted, unwanted}: PlanInput): FrrPlan {
  const maps = new Map<string, FrrRouteMap>();
  const lines = new Map<Prefix, LineChange>();
  const replaced: FrrNetwork[] = [];
  for (const [prefix, want] of wanted) {
    const before = running.networks.get(prefix) ?? null;
    if (want.kind === 'operator') {
      if (!before || isOurLine(before)) lines.set(prefix, {kind: 'set', line: want.line, before});
      continue;
    }
    if (before && isOurLine(before) && isSame(running.routeMaps.get(before.routeMap ?? ''), want.map))
      continue;
    const map = usable(want.map, running);
    if (!running.routeMaps.has(map.name)) maps.set(map.name, map);
    if (before && !isOurLine(before)) replaced.push(before);
    const line = {prefix, routeMap: map.name, text: `network ${prefix} route-map ${map.name}`};
    lines.set(prefix, {kind: 'set', line, before});
  }
  for (const [prefix, before] of running.networks) {
    if (wanted.has(prefix) || unwanted(before) === 'stays') continue;
    if (!isOurLine(before)) replaced.push(before);
    lines.set(prefix, {kind: 'remove', before});
  }
  return {maps: [...maps.values()], lines, replaced};
}

/** One that somebody has changed is left to its end: its lines go over to one of another name. */
function usable(map: FrrRouteMap, {routeMaps}: FrrRunningConfig): FrrRouteMap {
  let name = map.name;
  for (let n = 1; ; n++) {
    const lines = routeMaps.get(name);
    if (!lines || isSame(lines, map)) return {...map, name};
    name = `${map.name}-${n}`;
  }
}

function isSame(lines: readonly string[] | undefined, map: FrrRouteMap): boolean {
  return lines?.join('\n') === map.lines.join('\n');
}

/** Route-maps of ours that no line needs any more. */
export function unusedMaps({networks, routeMaps}: FrrRunningConfig): readonly string[] {
  const used = new Set([...networks.values()].map(({routeMap}) => routeMap));
  return [...routeMaps.keys()].filter((name) => name.startsWith(ourRouteMaps) && !used.has(name));
}

export interface Batch {
  readonly commands: readonly string[];
  /** Which prefix or route-map the command at this place is for. */
  readonly owners: readonly (string | null)[];
}

/**
 * One batch for all route-maps; a line of one that is refused spoils that one only. There is no `exit` between them:
 * where `configure terminal` was refused, Quagga would end the connection.
 */
export function mapBatch(maps: readonly FrrRouteMap[]): Batch {
  return batch([
    ['configure terminal', null],
    ...maps.flatMap((map) => defineRouteMap(map).map((command): Step => [command, map.name])),
    ['end', null],
  ]);
}

export function removeMapsBatch(names: readonly string[]): Batch {
  return batch([
    ['configure terminal', null],
    ...names.map((name) => [`no route-map ${name}`, name] as const),
    ['end', null],
  ]);
}

/** So many lines go as one batch: what a process can be given. */
const linesAtOnce = 2_000;

export function lineBatches(
  changes: ReadonlyMap<Prefix, LineChange>,
  as: string,
  dialect: FrrDialect,
): readonly Batch[] {
  const all = [...changes];
  const batches: Batch[] = [];
  for (let from = 0; from < all.length; from += linesAtOnce) {
    const part = all.slice(from, from + linesAtOnce);
    batches.push(
      batch([
        ['configure terminal', null],
        [`router bgp ${as}`, null],
        ...inFamily('ipv4', part, dialect),
        ...inFamily('ipv6', part, dialect),
        ['end', null],
      ]),
    );
  }
  return batches;
}

type Step = readonly [command: string, owner: string | null];

function inFamily(
  family: IpFamily,
  changes: readonly (readonly [Prefix, LineChange])[],
  dialect: FrrDialect,
): readonly Step[] {
  const steps = changes
    .filter(([prefix]) => familyOf(prefix) === family)
    .flatMap(([prefix, change]) => commandsOf(change).map((command): Step => [command, prefix]));
  if (steps.length === 0) return [];
  // Quagga keeps IPv4 outside of any address-family, where old versions understand it only.
  if (dialect === 'quagga' && family === 'ipv4') return steps;
  const enter = dialect === 'quagga' ? 'address-family ipv6' : `address-family ${family} unicast`;
  return [[enter, null], ...steps, ['exit-address-family', null]];
}

function commandsOf(change: LineChange): readonly string[] {
  const {before} = change;
  if (change.kind === 'remove') return before ? [removal(before)] : [];
  // A route-map is changed in place, without a withdrawal in between; a label or `backdoor` is not.
  const {text} = change.line;
  const isPlain = before === null || (isPlainLine(before.text) && isPlainLine(text));
  return before && !isPlain ? [removal(before), text] : [text];
}

/** Names our route-map, so that a line that somebody has put in the place of ours is not removed by mistake. */
function removal(line: FrrNetwork): string {
  return isOurLine(line) ? `no network ${line.prefix} route-map ${line.routeMap}` : `no ${line.text}`;
}

function isPlainLine(text: string): boolean {
  return /^network \S+( mask \S+)?( route-map \S+)?$/.test(text);
}

function batch(steps: readonly Step[]): Batch {
  return {commands: steps.map(([command]) => command), owners: steps.map(([, owner]) => owner)};
}

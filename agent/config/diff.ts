/** What is different between two configurations, and what that means for what runs. Pure. */

import {formatDuration} from '../lib/duration.js';
import type {ServiceName} from '../types.js';
import {type Change, changeOf} from './change.js';
import {freeze} from './freeze.js';
import {type PeerChange, peerChanges} from './peer-diff.js';
import {type ServiceChange, serviceChanges} from './service-diff.js';
import {formatTarget, type SyslogConfig} from './syslog.js';
import type {Config, ServiceConfig} from './types.js';

export interface Difference<Name, Changed> {
  readonly added: readonly Name[];
  readonly removed: readonly Name[];
  readonly changed: readonly Changed[];
}

export interface ConfigDiff {
  readonly peers: Difference<string, PeerChange>;
  readonly services: Difference<ServiceName, ServiceChange>;
  /** Keys of the main file that take effect at once. */
  readonly live: readonly Change[];
  /** Keys of the main file that stay as they were until the daemon is restarted. */
  readonly restart: readonly Change[];
  readonly isEmpty: boolean;
}

export function diffConfig(old: Config, next: Config): ConfigDiff {
  const peers = diffNamed(old.bgp?.peers ?? [], keepUntilRestart(old, next).bgp?.peers ?? [], peerChanges);
  const services = diffNamed<ServiceName, ServiceConfig, ServiceChange>(
    old.services,
    next.services,
    serviceChanges,
  );
  const live = changesOf(liveKeys, old, next);
  const restart = changesOf(restartKeys, old, next);
  const count = [peers, services].flatMap(({added, removed, changed}) => [
    ...added,
    ...removed,
    ...changed,
  ]).length;
  return {peers, services, live, restart, isEmpty: count + live.length + restart.length === 0};
}

/** The new configuration with everything that needs a restart as it was: what a reload brings into force. */
export function keepUntilRestart(old: Config, next: Config): Config {
  const kernel =
    old.kernel && next.kernel
      ? {...old.kernel, addresses: next.kernel.addresses, routes: next.kernel.routes}
      : old.kernel;
  const bgp = old.bgp && next.bgp ? next.bgp : old.bgp;
  const {bird, frr, exabgp, gobgp, controlSocket, routerId, stateDir, stepTimeoutMs} = old;
  return freeze({
    ...next,
    routerId,
    stateDir,
    controlSocket,
    stepTimeoutMs,
    kernel,
    bgp,
    bird,
    frr,
    exabgp,
    gobgp,
  });
}

/** A difference for people, one line each: first what ends a session, then what waits for a restart. */
export function lines(diff: ConfigDiff): readonly string[] {
  if (diff.isEmpty) return ['nothing changed'];
  const {live, peers, restart, services} = diff;
  return [
    ...peers.changed
      .filter(({bounces}) => bounces)
      .map(({name, changes}) => `peer ${name}: the session is restarted: ${listOf(changes)}`),
    ...peers.removed.map((name) => `peer ${name} removed: its session ends`),
    ...restart.map(({key, what}) => `${key}: ${what}: needs a restart, until then it stays as it was`),
    ...peers.added.map((name) => `peer ${name} added`),
    ...peers.changed
      .filter(({bounces}) => !bounces)
      .map(({name, changes}) => `peer ${name}: ${listOf(changes)}`),
    ...services.removed.map((name) => `service ${name} removed`),
    ...services.added.map((name) => `service ${name} added`),
    ...services.changed.map(({changes, name}) => `service ${name}: ${listOf(changes)}`),
    ...live.map(({key, what}) => `${key}: ${what}`),
  ];
}

type KeyTable = Readonly<Record<string, (config: Config) => unknown>>;

const liveKeys: KeyTable = {
  conf_d: ({confD}) => confD,
  allow: ({allow}) => allow,
  on_stop: ({onStop}) => onStop,
  on_crash: ({onCrash}) => onCrash,
  settle_timeout: ({settleTimeoutMs}) => formatDuration(settleTimeoutMs),
  stop_timeout: ({stopTimeoutMs}) => formatDuration(stopTimeoutMs),
  max_running_checks: ({maxRunningChecks}) => maxRunningChecks,
  'log.level': ({log}) => log.level,
  'log.format': ({log}) => log.format,
  'log.syslog': ({log}) => log.syslog && syslogText(log.syslog),
};

/** What components are built from at start. */
const restartKeys: KeyTable = {
  router_id: ({routerId}) => routerId,
  state_dir: ({stateDir}) => stateDir,
  control_socket: ({controlSocket}) => controlSocket,
  step_timeout: ({stepTimeoutMs}) => formatDuration(stepTimeoutMs),
  kernel: ({kernel}) => (kernel ? 'present' : 'absent'),
  'kernel.interface': ({kernel}) => kernel?.interface,
  'kernel.table': ({kernel}) => kernel?.table,
  'kernel.protocol': ({kernel}) => kernel?.protocol,
  'kernel.arp': ({kernel}) => kernel?.arp,
  bgp: ({bgp}) => (bgp ? 'present' : 'absent'),
  bird: ({bird}) => bird && JSON.stringify(bird),
  frr: ({frr}) => frr && JSON.stringify(frr),
  exabgp: ({exabgp}) => exabgp && JSON.stringify(exabgp),
  gobgp: ({gobgp}) => gobgp && JSON.stringify(gobgp),
};

function syslogText({target, format, facility, tag, compat}: SyslogConfig): string {
  const more = compat === undefined ? '' : ` with lines of ${compat}`;
  return `${formatTarget(target)} ${format} ${facility} ${tag}${more}`;
}

function changesOf(keys: KeyTable, old: Config, next: Config): readonly Change[] {
  return Object.entries(keys).flatMap(([key, of]) => changeOf(key, of(old), of(next)));
}

function diffNamed<Name extends string, Item extends {readonly name: Name}, Changed>(
  old: readonly Item[],
  next: readonly Item[],
  compare: (old: Item, next: Item) => Changed | null,
): Difference<Name, Changed> {
  const before = new Map(old.map((item) => [item.name, item]));
  const after = new Set(next.map(({name}) => name));
  const changed: Changed[] = [];
  const added: Name[] = [];
  for (const item of next) {
    const known = before.get(item.name);
    if (known === undefined) added.push(item.name);
    else changed.push(...[compare(known, item)].filter((change) => change !== null));
  }
  return {added, removed: [...before.keys()].filter((name) => !after.has(name)), changed};
}

function listOf(changes: readonly Change[]): string {
  return changes.map(({key, what}) => `${key} ${what}`).join(', ');
}

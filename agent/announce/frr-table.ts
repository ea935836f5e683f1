/** The `network` lines and route-maps of one bgpd, as they were read last and as our commands changed them since. */

import type {FrrConfig} from '../config/frr.js';
import {type FrrRunningConfig, parseRunningConfig} from '../control/frr-config-protocol.js';
import {
  type FrrPath,
  type FrrVersion,
  parsePath,
  parseSummary,
  parseVersion,
  showPath,
  showSummary,
} from '../control/frr-show-protocol.js';
import {FrrError, NoBgpError, refusalOf, type VtyAnswer} from '../control/vty-protocol.js';
import {familyOf} from '../lib/prefix.js';
import type {IpFamily, Prefix} from '../types.js';
import {
  type Batch,
  type FrrPlan,
  type LineChange,
  lineBatches,
  mapBatch,
  removeMapsBatch,
  unusedMaps,
} from './frr-plan.js';
import type {FrrShell} from './frr-shell.js';

export interface Applied {
  /** Everything of the plan was tried. False where vtysh stopped at a command that was refused. */
  readonly isWhole: boolean;
  /** Wanted, and not done because FRR refused it: why. */
  readonly refused: ReadonlyMap<Prefix, string>;
}

export interface FrrTruth {
  /** What bgpd originates; null for a prefix of which it originates nothing. */
  readonly paths: ReadonlyMap<Prefix, FrrPath | null>;
  /** Neighbors with a session; counted for a family with a path that none of them gets. */
  readonly established: Readonly<Record<IpFamily, number>>;
}

/** So many questions go at once: bgpd has other things to do between two such handfuls. */
const questionsAtOnce = 100;

export class FrrTable {
  readonly #shell: FrrShell;
  readonly #config: FrrConfig;
  #version: FrrVersion | null = null;
  #running: FrrRunningConfig | null = null;
  constructor(shell: FrrShell, config: FrrConfig) {
    this.#shell = shell;
    this.#config = config;
  }

  /** null: to be read first. */
  get running(): FrrRunningConfig | null {
    return this.#running;
  }

  get version(): FrrVersion | null {
    return this.#version;
  }

  /** It is not known any more what FRR has. */
  forget(): void {
    this.#running = null;
  }

  /** Another FRR may answer from now on. */
  forgetAll(): void {
    this.#running = null;
    this.#version = null;
  }

  /** Reads the running configuration. Rejects with `FrrError`, also for another AS, and with `NoBgpError`. */
  async read(): Promise<FrrRunningConfig> {
    this.#running = null;
    const version = this.#version ?? parseVersion(await this.#askOne('show version'));
    this.#version = version;
    // vtysh asks every daemon, unless told otherwise; bgpd knows no other, and Quagga no such word.
    const only = this.#shell.isDirect || version.dialect === 'quagga' ? '' : ' bgpd';
    const {text} = await this.#askOne(`show running-config${only}`);
    const running = parseRunningConfig(text);
    const {localAs} = this.#config;
    if (running.as === null) {
      const as = localAs === null ? '' : ` ${localAs}`;
      throw new NoBgpError(`bgpd has no "router bgp${as}": its neighbors must be configured in FRR`);
    }
    if (localAs !== null && asNumber(running.as) !== localAs) {
      throw new FrrError(`bgpd is AS ${running.as}: frr.local_as says ${localAs}`);
    }
    this.#running = running;
    return running;
  }

  /** Rejects with `FrrError`, and `NoBgpError`; what FRR has is then to be read again. `isFresh`: was read just now. */
  async apply(plan: FrrPlan, isFresh: boolean): Promise<Applied> {
    const running = this.#running;
    const version = this.#version;
    if (!running || running.as === null || !version) throw new FrrError('FRR was not read yet');
    const [first] = plan.lines.keys();
    // `router bgp` would make a BGP where the operator has just taken it away.
    if (!isFresh && first !== undefined) await this.look([first], () => false);
    this.#running = null;
    const routeMaps = new Map(running.routeMaps);
    const networks = new Map(running.networks);
    const refusedMaps = new Map<string, string>();
    const refused = new Map<Prefix, string>();
    let isWhole = true;
    if (plan.maps.length > 0) {
      const {done, refusals} = await this.#run(mapBatch(plan.maps));
      for (const map of plan.maps) {
        const refusal = refusals.get(map.name);
        // What was meant for this one has gone into the one before.
        if (refusal?.startsWith('"route-map ')) throw new FrrError(refusal);
        if (refusal !== undefined) refusedMaps.set(map.name, refusal);
        if (done.has(map.name)) routeMaps.set(map.name, map.lines);
      }
    }
    const newMaps = new Set(plan.maps.map(({name}) => name));
    const lines = new Map<Prefix, LineChange>();
    for (const [prefix, change] of plan.lines) {
      const name = change.kind === 'set' ? (change.line.routeMap ?? '') : '';
      const refusal = refusedMaps.get(name);
      if (refusal !== undefined) refused.set(prefix, refusal);
      else if (newMaps.has(name) && !routeMaps.has(name)) isWhole = false;
      else lines.set(prefix, change);
    }
    for (const batch of lines.size > 0 ? lineBatches(lines, running.as, version.dialect) : []) {
      const {done, refusals} = await this.#run(batch);
      const owners = new Set(batch.owners);
      for (const [prefix, change] of lines) {
        if (!owners.has(prefix)) continue;
        const refusal = refusals.get(prefix);
        if (refusal !== undefined) refused.set(prefix, refusal);
        else if (!done.has(prefix)) isWhole = false;
        else if (change.kind === 'remove') networks.delete(prefix);
        else networks.set(prefix, change.line);
      }
    }
    // After a refusal nobody knows what was done in part.
    if (refused.size === 0 && isWhole) this.#running = {as: running.as, networks, routeMaps};
    return {isWhole, refused};
  }

  /** Takes out route-maps of ours that nothing needs. Rejects with `FrrError`. */
  async cleanUp(): Promise<void> {
    const {running} = this;
    const names = running ? unusedMaps(running) : [];
    if (!running || names.length === 0) return;
    this.#running = null;
    const {refusals} = await this.#run(removeMapsBatch(names));
    const [refusal] = refusals.values();
    if (refusal !== undefined) throw new FrrError(refusal);
    const routeMaps = new Map([...running.routeMaps].filter(([name]) => !names.includes(name)));
    this.#running = {...running, routeMaps};
  }

  /** Asks until `isEnough`; what was not asked is missing in the answer. Rejects with `FrrError`. */
  async look(prefixes: readonly Prefix[], isEnough: () => boolean): Promise<FrrTruth> {
    if (!this.#version) throw new FrrError('FRR was not read yet');
    const {dialect} = this.#version;
    const paths = new Map<Prefix, FrrPath | null>();
    for (let from = 0; from < prefixes.length && !isEnough(); ) {
      const part = prefixes.slice(from, from + questionsAtOnce);
      const answers = await this.#shell.ask(part.map((prefix) => showPath(prefix, dialect)));
      answers.forEach((answer, i) => {
        const prefix = part[i];
        if (prefix !== undefined) paths.set(prefix, parsePath(answer, dialect));
      });
      // vtysh stops at a prefix that Quagga does not have: the rest is asked anew.
      if (answers.length === 0) throw new FrrError('FRR answers nothing');
      from += answers.length;
    }
    const established = {ipv4: 0, ipv6: 0};
    for (const family of ['ipv4', 'ipv6'] as const) {
      const isLonely = [...paths].some(
        ([prefix, path]) => path?.isBest && !path.isAdvertised && familyOf(prefix) === family,
      );
      if (isLonely)
        established[family] = parseSummary(await this.#askOne(showSummary(family, dialect)), dialect);
    }
    return {paths, established};
  }

  async #askOne(command: string): Promise<VtyAnswer> {
    const [answer] = await this.#shell.ask([command]);
    const refusal = answer ? refusalOf(answer) : `no answer to "${command}"`;
    if (!answer || refusal !== null) throw new FrrError(refusal ?? '');
    return answer;
  }

  /** Rejects with `FrrError` where a command is refused on which all others depend. */
  async #run({commands, owners}: Batch): Promise<{
    readonly done: ReadonlySet<string>;
    readonly refusals: ReadonlyMap<string, string>;
  }> {
    const answers = await this.#shell.ask(commands);
    const done = new Set<string>();
    const refusals = new Map<string, string>();
    owners.forEach((owner, i) => {
      const answer = answers[i];
      const refusal = answer ? refusalOf(answer) : null;
      if (refusal !== null && owner === null) throw new FrrError(refusal);
      if (owner === null) return;
      if (refusal !== null) refusals.set(owner, refusals.get(owner) ?? refusal);
      if (answer && refusal === null) done.add(owner);
      else done.delete(owner);
    });
    // A thing is done when its last command is: an earlier one may have been refused.
    for (const owner of refusals.keys()) done.delete(owner);
    return {done, refusals};
  }
}

/** `64699`, or `1.10` as RFC 5396 writes it. */
function asNumber(text: string): number {
  const [high = 0, low] = text.split('.').map(Number);
  return low === undefined ? high : high * 65_536 + low;
}

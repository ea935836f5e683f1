/** A host with a real BIRD 2.0.12 that is driven by an announcer, and a router beside it that shows what comes of it. */

import {writeFile} from 'node:fs/promises';
import type {Test} from 'tap';
import {BirdAnnouncer} from '../../agent/announce/bird.js';
import {type BirdConfig, birdDefaults} from '../../agent/config/bird.js';
import {systemClock} from '../../agent/io/clock.js';
import {ownedFiles} from '../../agent/io/owned-file.js';
import {connectUnix} from '../../agent/io/text-stream.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {AgentEvent, Clock, Desired, Route} from '../../agent/types.js';
import {Bird} from '../lab/bird.js';
import {DrivenBird} from '../lab/driven-bird.js';
import {addAddress, Lab} from '../lab/lab.js';
import type {Namespace} from '../lab/namespace.js';
import {type SeenRoute, startRouter} from '../lab/router.js';
import {star} from '../lab/topology.js';
import {waitFor} from '../lab/wait.js';

/** Addresses of the host. */
export const a = '192.0.2.1/32';
export const b = '192.0.2.2/32';
export const six = '2001:db8:1::1/128';
export const hostAs = 65001;
const routerAs = 65002;

export const emptyDefines = `define ACAST_PS_ADVERTISE = [ ${birdDefaults.dummy} ];\ndefine ACAST6_PS_ADVERTISE = [ ${birdDefaults.dummy6} ];\n`;
/** The filter of the sessions, for form `define`. */
export const anycast = `filter anycast {
  if net ~ ACAST_PS_ADVERTISE || net ~ ACAST6_PS_ADVERTISE then accept;
  reject;
}`;

export interface SceneOptions {
  readonly config?: Partial<BirdConfig>;
  /** Of bird.conf; `FILE` and `FILE6` stand for what the announcer writes. */
  readonly birdConf: string;
  /** What is in the files before anything starts. */
  readonly file?: string;
  readonly file6?: string;
  readonly startsBird?: boolean;
  /** So many seconds of the announcer go by in one. */
  readonly haste?: number;
}

/** A host with a BIRD that is driven, and a router beside it. */
export class Scene {
  readonly events: string[] = [];
  readonly log: string[] = [];

  private constructor(
    private readonly t: Test,
    readonly lab: Lab,
    readonly host: Namespace,
    readonly bird: DrivenBird,
    readonly router: Bird,
    readonly announcer: BirdAnnouncer,
    readonly routerAddress: string,
  ) {}

  static async set(t: Test, options: SceneOptions): Promise<Scene> {
    const lab = await Lab.create(t);
    const {host, spokes} = await star(lab, 1);
    const [spoke] = spokes;
    if (!spoke) throw new Error('the star has no spoke');
    for (const prefix of [a, b, six]) await addAddress(host, prefix, 'lo');
    const router = await startRouter(lab, Bird, spoke.namespace, {
      as: routerAs,
      routerId: spoke.loopback,
      neighbors: [{address: spoke.hostAddress, remoteAs: hostAs}],
    });
    const folder = await lab.newFolder('driven');
    const [file, file6] = [`${folder}/anycast.conf`, `${folder}/anycast6.conf`];
    const bird = lab.add(
      new DrivenBird(host, folder, {
        as: hostAs,
        routerId: spoke.hostAddress,
        neighbors: [
          {address: spoke.address, remoteAs: routerAs, passive: false, exportFilter: 'anycast'},
          // Nobody there: a session that never comes up must not matter.
          {address: '10.45.1.99', remoteAs: 65003, passive: false, exportFilter: 'anycast'},
        ],
        extra: options.birdConf.replaceAll('FILE6', file6).replaceAll('FILE', file),
      }),
    );
    await writeFile(file, options.file ?? emptyDefines);
    await writeFile(file6, options.file6 ?? '');
    if (options.startsBird !== false) await bird.start();
    const log: string[] = [];
    const announcer = new BirdAnnouncer({
      config: {
        ...birdDefaults,
        dummy: parsePrefix(birdDefaults.dummy),
        dummy6: parsePrefix(birdDefaults.dummy6),
        socket: bird.socket,
        socket6: null,
        file,
        file6: options.file6 === undefined ? null : file6,
        confirmTimeoutMs: null,
        ...options.config,
      },
      connect: connectUnix,
      files: ownedFiles,
      allowed: () => true,
      clock: hasty(options.haste ?? 1),
      emit: (event) => log.push(lineOf(event)),
    });
    const scene = new Scene(t, lab, host, bird, router, announcer, spoke.address);
    announcer.on((event) => scene.events.push(`${event.kind} ${event.prefix}`));
    scene.log.push(...log);
    t.teardown(() => announcer.stop('keep'));
    return scene;
  }

  /** Starts the announcer; resolves once the session is there. */
  async start(): Promise<void> {
    await this.announcer.start();
    await this.sessionUp();
  }

  async sessionUp(): Promise<void> {
    await this.bird.waitForPeer(this.routerAddress);
  }

  set(items: readonly Route[], rest: Partial<Omit<Desired<Route>, 'items'>> = {}): void {
    this.events.length = 0;
    this.announcer.set({items, adopt: new Set(), complete: true, ...rest});
  }

  async told(...events: string[]): Promise<void> {
    const told = await waitFor(
      'events',
      () => this.events,
      (seen) => events.every((event) => seen.includes(event)),
    );
    this.t.ok(told.length >= events.length, `told: ${events.join(', ')}`);
  }

  /** Waits until the router has exactly these prefixes, and answers its routes. */
  async routerHas(...prefixes: string[]): Promise<readonly SeenRoute[]> {
    const seen = await waitFor(
      `the router to have ${prefixes.join(', ') || 'nothing'}`,
      async () => [...(await this.router.routes('ipv4')), ...(await this.router.routes('ipv6'))],
      (routes) =>
        routes
          .map(({prefix}) => prefix)
          .toSorted()
          .join() === prefixes.toSorted().join(),
    );
    this.t.equal(seen.length, prefixes.length, `the router has ${prefixes.join(', ') || 'nothing'}`);
    return seen;
  }

  word(prefix: string): string {
    const {items, reasons} = this.announcer.snapshot();
    const reason = reasons.get(parsePrefix(prefix));
    return `${String(items.get(parsePrefix(prefix)))}${reason === undefined ? '' : `: ${reason}`}`;
  }

  async shows(prefix: string, wanted: RegExp): Promise<void> {
    await waitFor(
      `${prefix} to be shown as ${wanted}`,
      () => this.word(prefix),
      (word) => wanted.test(word),
    );
    this.t.pass(`${prefix} is shown as ${wanted}`);
  }
}

function hasty(haste: number): Clock {
  return {
    now: () => systemClock.now() * haste,
    wallMs: () => systemClock.wallMs(),
    after: (ms, fn) => systemClock.after(ms / haste, fn),
  };
}

function lineOf(event: AgentEvent): string {
  if (event.kind === 'note') return event.message;
  return 'prefix' in event ? `${event.kind} ${event.prefix}` : event.kind;
}

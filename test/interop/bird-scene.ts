/** A host with a real BIRD 2.0.12 that is driven by an announcer, and a router beside it that shows what comes of it. */

import {writeFile} from 'node:fs/promises';
import type {Test} from 'tap';
import {BirdAnnouncer} from '../../agent/announce/bird.js';
import {type BirdConfig, birdDefaults} from '../../agent/config/bird.js';
import {ownedFiles} from '../../agent/io/owned-file.js';
import {connectUnix} from '../../agent/io/text-stream.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {AgentEvent} from '../../agent/types.js';
import {Bird} from '../lab/bird.js';
import {DrivenBird} from '../lab/driven-bird.js';
import {addAddress, Lab} from '../lab/lab.js';
import type {Namespace} from '../lab/namespace.js';
import {startRouter} from '../lab/router.js';
import {star} from '../lab/topology.js';
import {DrivenScene, hasty} from './driven-scene.js';

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
export class Scene extends DrivenScene {
  private constructor(
    t: Test,
    readonly lab: Lab,
    readonly host: Namespace,
    readonly bird: DrivenBird,
    override readonly router: Bird,
    announcer: BirdAnnouncer,
    readonly routerAddress: string,
    readonly log: readonly string[],
  ) {
    super(t, announcer, router);
  }

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
    return new Scene(t, lab, host, bird, router, announcer, spoke.address, log);
  }

  async sessionUp(): Promise<void> {
    await this.bird.waitForPeer(this.routerAddress);
  }
}

function lineOf(event: AgentEvent): string {
  if (event.kind === 'note') return event.message;
  return 'prefix' in event ? `${event.kind} ${event.prefix}` : event.kind;
}

/**
 * BIRD as an announcer: eip-health decides, BIRD speaks BGP. `installed`: BIRD exports the prefix to a session that is
 * established, or would if there were one; `removed`: it goes by a configuration without it, and exports it to none, or
 * there is no BIRD, and one that starts will go by such a configuration.
 */

import {type BirdConfig, type BirdPart, birdParts} from '../config/bird.js';
import {BirdClient} from '../control/bird-client.js';
import type {OwnedFiles} from '../io/owned-file.js';
import type {UnixConnector} from '../io/text-stream.js';
import {printable} from '../lib/printable.js';
import type {Prefix} from '../types.js';
import {BirdFiles} from './bird-files.js';
import {BirdReconciler} from './bird-reconciler.js';
import {BirdSwitches} from './bird-switches.js';
import {DrivenAnnouncer, DrivenNotes, type DrivenOptions, type DrivenPart, type Tell} from './driven.js';

export interface BirdAnnouncerOptions extends DrivenOptions {
  readonly config: BirdConfig;
  readonly connect: UnixConnector;
  readonly files: OwnedFiles;
  /** The last gate: asked for every prefix before BIRD is told of it. */
  readonly allowed: (prefix: Prefix) => boolean;
}

export class BirdAnnouncer extends DrivenAnnouncer<'bird'> {
  constructor(options: BirdAnnouncerOptions) {
    super('bird', options, (tell) => birdParts(options.config).map((part) => daemonOf(part, options, tell)));
  }
}

/** One BIRD: of 1.6 there is one for each family. */
function daemonOf(part: BirdPart, options: BirdAnnouncerOptions, tell: Tell): DrivenPart {
  const {clock, config, emit, files} = options;
  const notes = new DrivenNotes(emit, {announcer: 'bird', socket: part.socket});
  const client = new BirdClient({
    ...options,
    path: part.socket,
    onUp: ({text}) => {
      notes.up(`BIRD ${text} answers at ${part.socket}`);
      reconciler.linkUp();
    },
    onDown: (reason) => {
      if (notes.down(reason)) reconciler.passes.kick();
    },
    onSpontaneous: (text) => {
      notes.note('warn', `BIRD says: ${printable(text)}`);
      reconciler.lostTrack();
    },
  });
  const means =
    config.form === 'protocol'
      ? new BirdSwitches(config, client, clock)
      : new BirdFiles({config, part, client, files, clock});
  const takesOver = () => means instanceof BirdFiles && means.takesOver;
  const {families} = part;
  const reconciler = new BirdReconciler({...options, client, families, means, tell, takesOver});
  return {title: 'BIRD', client, reconciler, notes, load: () => means.load()};
}

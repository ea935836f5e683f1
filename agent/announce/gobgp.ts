/**
 * GoBGP as an announcer: eip-health decides, gobgpd speaks BGP. `installed`: its global RIB holds the path that we
 * added, with our attributes, and uses it; `removed`: it holds no path of its own to the prefix any more.
 */

import type {GobgpConfig} from '../config/gobgp.js';
import {GobgpClient} from '../control/gobgp-client.js';
import type {Journal} from '../io/journal.js';
import type {PortConnector} from '../io/text-stream.js';
import type {Exec, Prefix} from '../types.js';
import {DrivenAnnouncer, DrivenNotes, type DrivenOptions, type DrivenPart, type Tell} from './driven.js';
import {GobgpReconciler} from './gobgp-reconciler.js';

export interface GobgpAnnouncerOptions extends DrivenOptions {
  readonly config: GobgpConfig;
  readonly connect: PortConnector;
  readonly exec: Exec;
  /** The prefixes that gobgpd was told of. */
  readonly journal: Journal;
  /** The last gate: asked for every prefix before gobgpd is told of it. */
  readonly allowed: (prefix: Prefix) => boolean;
}

export class GobgpAnnouncer extends DrivenAnnouncer<'gobgp'> {
  constructor(options: GobgpAnnouncerOptions) {
    super('gobgp', options, (tell) => [gobgpd(options, tell)]);
  }
}

function gobgpd(options: GobgpAnnouncerOptions, tell: Tell): DrivenPart {
  const notes = new DrivenNotes(options.emit, {announcer: 'gobgp'});
  const client = new GobgpClient({
    ...options,
    onUp: (place) => {
      notes.up(`gobgpd answers at ${place}`);
      reconciler.linkUp();
    },
    onDown: (reason) => {
      if (notes.down(reason)) reconciler.passes.kick();
    },
  });
  const reconciler = new GobgpReconciler({...options, client, tell});
  return {title: 'GoBGP', client, reconciler, notes};
}

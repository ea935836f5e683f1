/**
 * FRR (or Quagga) as an announcer: eip-health decides, bgpd speaks BGP. Ours are exactly the `network` lines whose
 * route-map is one of ours; nothing is ever written to FRR's files. `installed`: bgpd itself originates the prefix and
 * has chosen it; `removed`: bgpd originates it no more.
 */

import type {FrrConfig} from '../config/frr.js';
import type {Journal} from '../io/journal.js';
import type {UnixConnector} from '../io/text-stream.js';
import type {Exec, Prefix} from '../types.js';
import {DrivenAnnouncer, DrivenNotes, type DrivenOptions, type DrivenPart, type Tell} from './driven.js';
import {OperatorLines} from './frr-operator-lines.js';
import {FrrReconciler} from './frr-reconciler.js';
import {FrrShell} from './frr-shell.js';
import {FrrTable} from './frr-table.js';

export interface FrrAnnouncerOptions extends DrivenOptions {
  readonly config: FrrConfig;
  readonly connect: UnixConnector;
  readonly exec: Exec;
  /** The operator's own lines that had to give way. */
  readonly journal: Journal;
  /** The last gate: asked for every prefix before FRR is told of it. */
  readonly allowed: (prefix: Prefix) => boolean;
  /** Whether a service announces the prefix, be it up or down. The operator's lines for all others are left alone. */
  readonly managed: (prefix: Prefix) => boolean;
}

export class FrrAnnouncer extends DrivenAnnouncer<'frr'> {
  constructor(options: FrrAnnouncerOptions) {
    super('frr', options, (tell) => [bgpd(options, tell)]);
  }
}

function bgpd(options: FrrAnnouncerOptions, tell: Tell): DrivenPart {
  const {config, emit, journal} = options;
  const notes = new DrivenNotes(emit, {announcer: 'frr'});
  let wasUp = false;
  const client = new FrrShell({
    ...options,
    onUp: (path) => {
      wasUp = true;
      notes.up(`bgpd answers at ${path}`);
      reconciler.linkUp();
    },
    onDown: (reason) => {
      // Every attempt that fails is told; where vtysh does its work meanwhile, nothing has changed by it.
      if (wasUp) reconciler.linkDown();
      wasUp = false;
      notes.down(reason);
    },
  });
  const reconciler = new FrrReconciler({
    ...options,
    table: new FrrTable(client, config),
    operatorLines: new OperatorLines(journal),
    tell,
  });
  return {title: 'FRR', client, reconciler, notes};
}

/** What one life of the daemon leaves for the next in `state_dir`: the lock, how it ended, its router id. */

import {makeFolder} from '../io/state-file.js';
import type {Clock, IpAddress} from '../types.js';
import {type StateLock, takeStateLock} from './lock.js';
import {readRouterId, writeRouterId} from './router-id.js';
import {mayAdopt, type RunRecord, readRunRecord, writeRunRecord} from './run-record.js';

export interface LifeOptions {
  readonly stateDir: string;
  readonly version: string;
  readonly bootId: string;
  readonly onCrash: 'withdraw' | 'adopt';
  readonly clock: Clock;
}

export interface Life {
  /** Whether what is found installed may stay until its service has settled. */
  readonly adopt: boolean;
  readonly routerId: IpAddress | null;
  keepRouterId(id: IpAddress): void;
  /** Notes how it ends and lets go of the lock. */
  end(how: 'withdraw' | 'keep'): void;
}

/** Takes the lock and notes that we run. Throws `LockHeldError`, or the system's error when the folder cannot be used. */
export function beginLife({stateDir, version, bootId, onCrash, clock}: LifeOptions): Life {
  makeFolder(stateDir);
  const lock: StateLock = takeStateLock(stateDir);
  const note = (stop: RunRecord['stop']): void =>
    writeRunRecord(stateDir, {
      boot_id: bootId,
      pid: process.pid,
      version,
      stop,
      at: new Date(clock.wallMs()).toISOString(),
    });
  const adopt = mayAdopt(readRunRecord(stateDir), bootId, onCrash);
  note('running');
  return {
    adopt,
    routerId: readRouterId(stateDir),
    keepRouterId: (id) => writeRouterId(stateDir, id),
    end(how) {
      note(how);
      lock.release();
    },
  };
}

/** Of a dry run, which leaves nothing behind and may run beside a daemon. */
export function dryLife(stateDir: string): Life {
  return {adopt: false, routerId: readRouterId(stateDir), keepRouterId: () => {}, end: () => {}};
}

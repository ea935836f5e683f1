/** What one life of the daemon leaves for the next in `state_dir`: the lock, how it ended, its router id. */

import {makeFolder} from '../io/state-file.js';
import type {Clock, IpAddress} from '../types.js';
import {LockHeldError, type StateLock, takeStateLock} from './lock.js';
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
  /** Notes how it ends and lets go of the lock. Throws when it cannot be noted; the lock is let go all the same. */
  end(how: 'withdraw' | 'keep'): void;
}

/** Takes the lock and notes that we run. Throws `LockHeldError`, or says why the folder cannot be used. */
export function beginLife(options: LifeOptions): Life {
  const {stateDir} = options;
  try {
    makeFolder(stateDir);
    return lifeUnder(takeStateLock(stateDir), options);
  } catch (error) {
    if (error instanceof LockHeldError) throw error;
    throw new Error(`state_dir ${stateDir} cannot be used: ${messageOf(error)}`, {cause: error});
  }
}

function lifeUnder(lock: StateLock, {stateDir, version, bootId, onCrash, clock}: LifeOptions): Life {
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
      try {
        note(how);
      } catch (error) {
        throw new Error(`how it ended could not be noted in state_dir ${stateDir}: ${messageOf(error)}`, {
          cause: error,
        });
      } finally {
        lock.release();
      }
    },
  };
}

/** Of a dry run, which leaves nothing behind and may run beside a daemon. */
export function dryLife(stateDir: string): Life {
  return {adopt: false, routerId: readRouterId(stateDir), keepRouterId: () => {}, end: () => {}};
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

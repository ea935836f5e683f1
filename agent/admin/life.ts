/** What one life of the daemon leaves for the next in `state_dir`: the lock, how it ended, its router id. */

import {makeFolder} from '../io/state-file.js';
import type {Clock, IpAddress, Prefix} from '../types.js';
import {forgetCounters} from '../watchdog/counters.js';
import {LockHeldError, type StateLock, takeStateLock} from './lock.js';
import {readRouterId, writeRouterId} from './router-id.js';
import {mayAdopt, type RunRecord, readRunRecord, writeRunRecord} from './run-record.js';

export interface LifeOptions {
  readonly stateDir: string;
  readonly version: string;
  readonly bootId: string;
  readonly onCrash: 'withdraw' | 'adopt';
  /** It looks once, acts and ends: what it leaves, and what it adopted, stays however it ends. */
  readonly oneShot?: boolean;
  readonly clock: Clock;
}

/** The life before this one, where others may still hold what it announced. */
export interface LifeBefore {
  /** Whether what it left may stay until the services have settled. */
  readonly adopted: boolean;
  /** The addresses that it left on purpose. */
  readonly addresses: readonly Prefix[];
}

export interface Life {
  /** Whether what is found installed may stay until its service has settled. */
  readonly adopt: boolean;
  /** null: there was none, or it withdrew everything. */
  readonly before: LifeBefore | null;
  readonly routerId: IpAddress | null;
  keepRouterId(id: IpAddress): void;
  /**
   * Notes how it ends, with what it leaves (absent: what it found), and lets go of the lock. Throws when that cannot be
   * noted; the lock is let go all the same.
   */
  end(how: 'withdraw' | 'keep', addresses?: readonly Prefix[]): void;
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

function lifeUnder(
  lock: StateLock,
  {stateDir, version, bootId, onCrash, oneShot = false, clock}: LifeOptions,
): Life {
  const note = (stop: RunRecord['stop'], addresses: readonly Prefix[] = []): void =>
    writeRunRecord(stateDir, {
      boot_id: bootId,
      pid: process.pid,
      version,
      stop,
      at: new Date(clock.wallMs()).toISOString(),
      addresses: [...addresses],
    });
  const last = readRunRecord(stateDir);
  const adopt = mayAdopt(last, bootId, onCrash);
  const found = last?.stop === 'running' ? [] : (last?.addresses ?? []);
  note(oneShot && adopt ? 'keep' : 'running', oneShot ? found : []);
  // Who goes on counting counts for itself.
  if (!oneShot) forgetCounters(stateDir);
  return {
    adopt,
    before: last === null || last.stop === 'withdraw' ? null : {adopted: adopt, addresses: found},
    routerId: readRouterId(stateDir),
    keepRouterId: (id) => writeRouterId(stateDir, id),
    end(how, addresses = found) {
      try {
        note(how, how === 'keep' ? addresses : []);
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
  return {
    adopt: false,
    before: null,
    routerId: readRouterId(stateDir),
    keepRouterId: () => {},
    end: () => {},
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * `eip-health withdraw`: takes everything of ours out of what outlives the daemon (other daemons, the kernel), as one
 * stroke, by handing the same announcers an empty desired set. Holds the lock meanwhile.
 */

import {takeStateLock} from './admin/lock.js';
import {mayAdopt, readBootId, readRunRecord, writeRunRecord} from './admin/run-record.js';
import type {Config} from './config/types.js';
import {systemClock as clock} from './io/clock.js';
import {makeFolder} from './io/state-file.js';
import {version} from './io/version.js';
import {type Place, withOutlasting} from './outlasting.js';
import {prefixesOf} from './service/contribution.js';
import type {Emit, Prefix} from './types.js';

export interface WithdrawOptions {
  readonly config: Config;
  /** Called when a daemon has ended: what it left on purpose stays. */
  readonly afterExit: boolean;
  readonly emit: Emit;
}

export interface Withdrawal {
  /** The last stop left everything on purpose: nothing was done. */
  readonly kept: boolean;
  readonly withdrawn: readonly Place[];
  /** What may still be there, and why. */
  readonly left: readonly (Place & {readonly reason: string})[];
}

/** Throws `LockHeldError` while a daemon runs, and the system's error where `state_dir` or the kernel cannot be used. */
export async function withdrawAll({config, afterExit, emit}: WithdrawOptions): Promise<Withdrawal> {
  const {stateDir} = config;
  makeFolder(stateDir);
  const lock = takeStateLock(stateDir);
  try {
    const bootId = readBootId();
    if (afterExit && mayAdopt(readRunRecord(stateDir), bootId, config.onCrash)) {
      return {kept: true, withdrawn: [], left: []};
    }
    const answer = await takeOut(config, bootId, emit);
    // What is still there is not for the next life to adopt.
    const at = new Date(clock.wallMs()).toISOString();
    writeRunRecord(stateDir, {boot_id: bootId, pid: process.pid, version, stop: 'withdraw', at});
    return answer;
  } finally {
    lock.release();
  }
}

async function takeOut(config: Config, bootId: string, emit: Emit): Promise<Withdrawal> {
  const managed = new Set(config.services.flatMap(prefixesOf));
  const isManaged = (prefix: Prefix): boolean => managed.has(prefix);
  return withOutlasting({config, bootId, allowed: () => true, isManaged, emit}, async (parts) => {
    const {addresses, daemons, hostRoutes} = parts;
    // As when the agent stops: daemons first, then what they may have learned from, then the addresses.
    await Promise.all(daemons.map((daemon) => daemon.stop('withdraw')));
    await Promise.all(hostRoutes.map((kernel) => kernel.stop('withdraw')));
    await addresses?.stop('withdraw');
    return {kept: false, withdrawn: parts.withdrawn(), left: parts.left()};
  });
}

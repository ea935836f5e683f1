/** `watchdog --schedule`: the daemon, with services that are checked at set times, and those of IPVS among them. */

import {type LoadResult, loadConfig} from '../config/load.js';
import type {Config} from '../config/types.js';
import {systemEffects} from '../io/effects.js';
import type {Emit} from '../types.js';
import type {IpvsWatch} from './ipvs-services.js';
import {IpvsVips} from './ipvs-vips.js';
import {scheduledPacing} from './pacing.js';

export interface WatchdogSchedule {
  /** A cron expression: for services that say nothing else, and for looking at which VIPs IPVS has. */
  readonly schedule: string;
  /** Of every schedule; absent: the machine's. */
  readonly timezone?: string;
  /** null: only what service files say. */
  readonly ipvs: IpvsWatch | null;
}

/** How a resident watchdog comes by its configuration. */
export class ScheduledConfig {
  readonly #configFile: string | undefined;
  readonly #watchdog: WatchdogSchedule;
  #vips: IpvsVips | null = null;

  constructor(configFile: string | undefined, watchdog: WatchdogSchedule) {
    this.#configFile = configFile;
    this.#watchdog = watchdog;
  }

  /** Until the first `refresh` without the services of IPVS. */
  load(previous: Config | null = null): LoadResult {
    const {ipvs, schedule} = this.#watchdog;
    const options = {configFile: this.#configFile, previous, pacing: scheduledPacing(schedule)};
    if (this.#vips) return this.#vips.load(options);
    return loadConfig(ipvs ? {...options, generate: () => []} : options);
  }

  /**
   * Looks at IPVS again, under the lock of `stateDir`; answers whether `load` may give something else now. Throws where
   * what lies in `stateDir` cannot be read.
   */
  async refresh(stateDir: string, emit: Emit): Promise<boolean> {
    const {ipvs} = this.#watchdog;
    if (!ipvs) return false;
    this.#vips ??= new IpvsVips({watch: ipvs, stateDir, effects: systemEffects()});
    return this.#vips.refresh(emit);
  }
}

/** A process that is `eip-health run`, and also says how much memory it uses. Needs `--expose-gc`. */

import {runDaemon} from '../../agent/main.js';
import {serve} from './lib/helper.js';

export interface DaemonHeapApi {
  run(configFile: string): void;
  /** Bytes in use on the heap and beside it, after everything unused was collected. */
  live(nothing: null): number;
}

serve<DaemonHeapApi>({
  run(configFile) {
    void runDaemon({configFile, dryRun: 'none', json: true}).then((code) => process.exit(code));
  },
  live() {
    if (!gc) throw new Error('start me with --expose-gc');
    for (let i = 0; i < 3; i++) gc();
    const {external, heapUsed} = process.memoryUsage();
    return heapUsed + external;
  },
});

/** `--record FILE`: every event as one line of JSON, for `test/scenario` and for bug reports. */

import type {Output} from '../io/output.js';
import type {AgentEvent, Clock} from '../types.js';

export interface Recorder {
  /** For `bus.on`. */
  sink(event: AgentEvent): void;
  /** Events that the file did not take. */
  lost(): number;
  close(timeoutMs: number): Promise<void>;
}

/** Each line is `{"at": wall clock in ms, "ms": monotonic since the recording began, …the event}`. */
export function createRecorder(output: Output, clock: Clock): Recorder {
  const startedAt = clock.now();
  let lost = 0;
  return {
    sink(event) {
      const ms = Math.round((clock.now() - startedAt) * 1000) / 1000;
      if (!output.write(`${JSON.stringify({at: clock.wallMs(), ms, ...event})}\n`)) lost += 1;
    },
    lost: () => lost,
    close: (timeoutMs) => output.drained(timeoutMs),
  };
}

/** Hands what happened to log, status, metrics and hooks. No sink can throw back, or keep the others from hearing. */

import type {AgentEvent, Cancel, Emit} from '../types.js';

export type Sink = (event: AgentEvent) => void;

export interface Bus {
  /** Never throws. Sinks hear of events in the order of `emit`, also of those that a sink itself emits. */
  readonly emit: Emit;
  /** Calls `sink` with every event from now on, synchronously: it has to be cheap. */
  on(sink: Sink): Cancel;
  /** How often a sink has thrown. */
  failures(): number;
}

/** `report` gets one line for the first error of each sink. */
export function createBus(report: (line: string) => void = reportOnStandardError): Bus {
  const sinks = new Set<Sink>();
  const reported = new WeakSet<Sink>();
  const waiting: AgentEvent[] = [];
  let delivering = false;
  let failures = 0;

  function deliver(event: AgentEvent): void {
    for (const sink of sinks) {
      try {
        sink(event);
      } catch (error) {
        failures += 1;
        if (reported.has(sink)) continue;
        reported.add(sink);
        report(
          `a listener of events failed at ${event.kind}: ${error instanceof Error ? error.stack : error}`,
        );
      }
    }
  }

  return {
    emit(event) {
      waiting.push(event);
      if (delivering) return;
      delivering = true;
      for (let next = waiting.shift(); next; next = waiting.shift()) deliver(next);
      delivering = false;
    },
    on(sink) {
      sinks.add(sink);
      return () => sinks.delete(sink);
    },
    failures: () => failures,
  };
}

function reportOnStandardError(line: string): void {
  process.stderr.write(`eip-health: ${line}\n`);
}

/**
 * Puts together what happens to many prefixes at once, so that one change of a thousand routes can be one line.
 * Everything waits here for the end of the burst: the wire comes before the log.
 */

import type {AgentEvent, Cancel, Clock} from '../types.js';
import {isPrefixEvent} from './log-line.js';

/** Prefixes of one change to one peer that still get a line each. */
export const summaryThreshold = 20;

/** A burst is over when nothing has happened for so long, or after the longer time at the latest. */
const quietMs = 5;
const longestMs = 50;

export interface Entry {
  /** Wall clock of the event. */
  readonly at: number;
  readonly event: AgentEvent;
  /** What the event is one of; null for events without a prefix. */
  readonly batch: Batch | null;
}

/** Events in a row to one peer (or interface) that differ in their prefixes, owners and next hops only. */
export interface Batch {
  readonly kind: AgentEvent['kind'];
  readonly reason: string | null;
  count: number;
}

export interface Burst {
  add(event: AgentEvent): void;
  /** Hands over what waits, now. */
  flush(): void;
}

/** `keepAll`: whether events of a batch behind the threshold are wanted at all (they are at level debug). */
export function createBurst(
  clock: Clock,
  keepAll: () => boolean,
  onEnd: (entries: readonly Entry[]) => void,
): Burst {
  let entries: Entry[] = [];
  let cancel: Cancel | null = null;
  let firstAt = 0;
  let lastAt = 0;
  // Per peer and per interface only its last batch is open: an announcement never moves in front of a withdrawal.
  const openOfPeers = new Map<string, Batch>();
  const openOfInterfaces = new Map<string, Batch>();

  function flush(): void {
    cancel?.();
    cancel = null;
    const ended = causesFirst(entries);
    entries = [];
    openOfPeers.clear();
    openOfInterfaces.clear();
    if (ended.length > 0) onEnd(ended);
  }

  function lookAgain(): void {
    const now = clock.now();
    const leftMs = Math.min(lastAt + quietMs, firstAt + longestMs) - now;
    // Less than a millisecond is what timers are early by.
    if (leftMs < 1) flush();
    else cancel = clock.after(leftMs, lookAgain);
  }

  // Called for each of 100,000 prefixes while they go out: no more than a look-up.
  function batchOf(event: AgentEvent): Batch | null {
    if (!isPrefixEvent(event)) return null;
    const isRoute = 'to' in event;
    const open = isRoute ? openOfPeers : openOfInterfaces;
    const target = isRoute ? event.to : event.interface;
    const reason = 'reason' in event ? event.reason : null;
    const last = open.get(target);
    if (last && last.kind === event.kind && last.reason === reason) {
      last.count += 1;
      return last;
    }
    const batch = {kind: event.kind, reason, count: 1};
    open.set(target, batch);
    return batch;
  }

  return {
    add(event) {
      lastAt = clock.now();
      const batch = batchOf(event);
      if (batch !== null && batch.count > summaryThreshold && !keepAll()) return;
      entries.push({at: clock.wallMs(), event, batch});
      if (cancel !== null) return;
      firstAt = lastAt;
      cancel = clock.after(quietMs, lookAgain);
    },
    flush,
  };
}

/**
 * A route is changed before anything is said about why, so that nothing delays it. People read it the other way
 * round: what a service's checks found stands before what was done to the routes of the same burst.
 */
function causesFirst(entries: readonly Entry[]): readonly Entry[] {
  const from = entries.findIndex(({batch}) => batch !== null);
  const at = entries[from]?.at;
  if (at === undefined) return entries;
  const rest = entries.slice(from);
  const causes = rest.filter(isCause).map((entry) => ({...entry, at}));
  return [...entries.slice(0, from), ...causes, ...rest.filter((entry) => !isCause(entry))];
}

function isCause({event: {kind}}: Entry): boolean {
  return (
    kind === 'check-result' || kind === 'check-state' || kind === 'service-state' || kind === 'admin-state'
  );
}

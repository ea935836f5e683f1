import type {Bfd, BfdHandle, BfdHandlers} from '../../agent/bfd/bfd.js';
import type {BfdTimers} from '../../agent/bfd/fsm-types.js';
import type {BfdChange, BfdTarget} from '../../agent/bfd/messages.js';
import type {BfdWord} from '../../agent/types.js';

/** A session that changes when the test says so. */
export interface FakeBfdSession {
  readonly target: BfdTarget;
  readonly configured: BfdTimers[];
  readonly isOpen: boolean;
  change(to: BfdWord, keys?: Partial<BfdChange>): void;
  refuse(reason: string): void;
}

/** Gives sessions without a network. */
export class FakeBfd implements Bfd {
  readonly sessions: FakeBfdSession[] = [];

  open(target: BfdTarget, handlers: BfdHandlers): BfdHandle {
    let [state, isOpen]: [BfdWord, boolean] = ['down', true];
    let lastReason: string | null = null;
    const configured: BfdTimers[] = [];
    this.sessions.push({
      target,
      configured,
      get isOpen() {
        return isOpen;
      },
      change(to, keys = {}) {
        const from = state;
        state = to;
        lastReason = keys.reason ?? null;
        handlers.onChange({from, to, reason: null, byHand: false, ...keys});
      },
      refuse(reason) {
        lastReason = `packets are refused: ${reason}`;
        handlers.onRefusal(reason);
      },
    });
    return {
      get state() {
        return state;
      },
      get reason() {
        return lastReason;
      },
      configure: (timers) => void configured.push(timers),
      async close() {
        isOpen = false;
      },
    };
  }
}

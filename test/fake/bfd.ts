import type {Bfd, BfdHandle} from '../../agent/bfd/bfd.js';
import type {BfdTimers} from '../../agent/bfd/fsm-types.js';
import type {BfdChange, BfdTarget} from '../../agent/bfd/messages.js';
import type {BfdWord} from '../../agent/types.js';

/** A session that changes when the test says so. */
export interface FakeBfdSession {
  readonly target: BfdTarget;
  readonly configured: BfdTimers[];
  readonly isOpen: boolean;
  change(to: BfdWord, keys?: Partial<BfdChange>): void;
}

/** Gives sessions without a network. */
export class FakeBfd implements Bfd {
  readonly sessions: FakeBfdSession[] = [];

  open(target: BfdTarget, onChange: (change: BfdChange) => void): BfdHandle {
    let [state, isOpen]: [BfdWord, boolean] = ['down', true];
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
        onChange({from, to, reason: null, byHand: false, ...keys});
      },
    });
    return {
      get state() {
        return state;
      },
      configure: (timers) => void configured.push(timers),
      async close() {
        isOpen = false;
      },
    };
  }
}

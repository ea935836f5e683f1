/** BFD as the main thread sees it: sessions that live in a thread of their own, which runs while there are any. */

import {heartbeat, startThread, type Thread} from '../io/thread.js';
import type {BfdWord, Cancel, Clock, Emit} from '../types.js';
import type {BfdTimers} from './fsm-types.js';
import type {BfdChange, BfdTarget, FromBfd, PostedTarget, ToBfd} from './messages.js';
import {BEAT_MS} from './sessions.js';

export interface BfdHandle {
  readonly state: BfdWord;
  /** Why it is not up, as far as is known; null where it is, or nothing was heard yet. */
  readonly reason: string | null;
  configure(timers: BfdTimers): void;
  /** AdminDown. Resolves when the peer has seen it, or had the time to. */
  close(): Promise<void>;
}

export interface BfdHandlers {
  onChange(change: BfdChange): void;
  /** What comes from the peer's address is dropped, and why; once for each reason in a row. */
  onRefusal(reason: string): void;
}

/** What gives sessions to those who want to know of a peer. */
export interface Bfd {
  open(target: BfdTarget, handlers: BfdHandlers): BfdHandle;
}

interface Entry {
  target: BfdTarget;
  state: BfdWord;
  /** It was up when its thread died. */
  died: boolean;
  reason: string | null;
  readonly handlers: BfdHandlers;
  onClosed: (() => void) | null;
}

/** Beyond what the thread takes for a farewell. */
const CLOSE_MS = 1_500;
/** A thread that ended by itself is started again at once; one that did not live this long, only after it. */
const RESTART_MS = 1_000;

export type BfdThread = Thread<ToBfd, FromBfd>;

export interface BfdClientOptions {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly start?: (module: URL, data: unknown) => BfdThread;
}

export class BfdClient implements Bfd {
  readonly #clock: Clock;
  readonly #emit: Emit;
  readonly #startThread: (module: URL, data: unknown) => BfdThread;
  readonly #heart = heartbeat();
  readonly #entries = new Map<number, Entry>();
  #thread: BfdThread | null = null;
  /** Called when the thread that was told to stop has ended: until then its sockets are in the way of another's. */
  #onStopped: (() => void) | null = null;
  #stopBeating: Cancel = () => undefined;
  #stopWaiting: Cancel = () => undefined;
  #lastId = 0;
  #startedAt = 0;

  constructor({clock, emit, start = startThread}: BfdClientOptions) {
    this.#clock = clock;
    this.#emit = emit;
    this.#startThread = start;
  }

  open(target: BfdTarget, handlers: BfdHandlers): BfdHandle {
    const id = ++this.#lastId;
    const entry: Entry = {target, state: 'down', died: false, reason: null, handlers, onClosed: null};
    this.#entries.set(id, entry);
    // A thread that is started opens all there are.
    if (this.#thread) this.#thread.post({kind: 'open', id, target: posted(target), again: false});
    else if (!this.#onStopped) this.#start();
    return {
      get state() {
        return entry.state;
      },
      get reason() {
        return entry.reason;
      },
      configure: (timers) => {
        entry.target = {...entry.target, timers};
        this.#thread?.post({kind: 'configure', id, timers});
      },
      close: () => this.#close(id, entry),
    };
  }

  #start(): void {
    this.#stopWaiting();
    const thread = this.#startThread(new URL('./worker.js', import.meta.url), this.#heart.shared);
    this.#thread = thread;
    this.#startedAt = this.#clock.now();
    thread.on({
      message: (message) => this.#hear(message),
      ended: (reason) => (this.#thread === thread ? this.#failed(reason) : this.#stopped()),
    });
    for (const [id, entry] of this.#entries) {
      const {died: again, onClosed, target} = entry;
      if (!onClosed) thread.post({kind: 'open', id, target: posted(target), again});
      entry.died = false;
    }
    this.#stopBeating();
    this.#beat();
  }

  #beat(): void {
    this.#heart.beat();
    this.#stopBeating = this.#clock.after(BEAT_MS / 2, () => this.#beat());
  }

  #close(id: number, entry: Entry): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(CLOSE_MS, () => entry.onClosed?.());
      entry.onClosed = () => {
        cancel();
        entry.onClosed = null;
        this.#entries.delete(id);
        if (this.#entries.size === 0) this.#stop(resolve);
        else resolve();
      };
      if (this.#thread) this.#thread.post({kind: 'close', id});
      else entry.onClosed();
    });
  }

  #stop(onStopped: () => void): void {
    this.#stopBeating();
    this.#stopWaiting();
    if (!this.#thread) {
      onStopped();
      return;
    }
    const cancel = this.#clock.after(CLOSE_MS, onStopped);
    this.#onStopped = () => {
      cancel();
      onStopped();
    };
    this.#thread.post({kind: 'stop'});
    this.#thread = null;
  }

  #stopped(): void {
    this.#onStopped?.();
    this.#onStopped = null;
    if (this.#entries.size > 0) this.#start();
  }

  #hear(message: FromBfd): void {
    if (message.kind === 'trouble') {
      this.#emit({kind: 'note', level: 'error', message: message.message, fields: {}});
      return;
    }
    const entry = this.#entries.get(message.id);
    if (message.kind === 'closed') entry?.onClosed?.();
    else if (entry && message.kind === 'refusal') {
      entry.reason = `packets are refused: ${message.reason}`;
      if (!entry.onClosed) entry.handlers.onRefusal(message.reason);
    } else if (entry && message.kind === 'change') this.#changed(entry, message.change);
  }

  #changed(entry: Entry, change: BfdChange): void {
    const {reason, to} = change;
    entry.state = to;
    if (to === 'up') entry.reason = null;
    else if (reason !== null) entry.reason = reason;
    if (!entry.onClosed) entry.handlers.onChange(change);
  }

  /**
   * That our own thread died says nothing about any path: its sessions begin anew, and BGP is not touched. What peers
   * make of our silence reaches us over BGP.
   */
  #failed(reason: string): void {
    const livedMs = this.#clock.now() - this.#startedAt;
    this.#thread = null;
    this.#stopBeating();
    this.#emit({
      kind: 'note',
      level: 'error',
      message: `the bfd thread ended and is started again: ${reason}`,
      fields: {},
    });
    for (const entry of [...this.#entries.values()]) {
      const {onClosed, state: from} = entry;
      entry.died ||= from === 'up';
      if (onClosed) onClosed();
      else if (from !== 'down') {
        this.#changed(entry, {from, to: 'down', byHand: true, reason: 'the bfd thread ended'});
      }
    }
    // Whoever heard of it may have closed the last session, or opened one.
    if (this.#entries.size === 0 || this.#thread) return;
    if (livedMs >= RESTART_MS) this.#start();
    else this.#stopWaiting = this.#clock.after(RESTART_MS, () => this.#start());
  }
}

function posted({authentication, ...target}: BfdTarget): PostedTarget {
  if (!authentication) return {...target, authentication};
  const {keyId, secret, type} = authentication;
  return {...target, authentication: {type, keyId, password: secret.reveal()}};
}

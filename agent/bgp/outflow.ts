/**
 * Moves UPDATEs from an adj-RIB-out to a socket, a batch at a time: a withdrawal waits behind one batch at most,
 * a peer that reads slowly costs no memory, and a full table leaves the event loop room for everything else.
 */

import type {Cancel, Clock} from '../types.js';
import type {AdjRibOut, Batch, WireNews} from './adj-out.js';

/** Octets of prefixes in one batch, and of messages handed to the socket that it did not take yet. */
const BATCH = 64 * 1024;
const MAX_IN_FLIGHT = 128 * 1024;
/** How long batches may follow each other before the event loop gets a turn. */
const TURN_MS = 8;

/** Writes bytes; `onTaken` tells when the socket took them. */
export type Write = (bytes: Uint8Array, onTaken: () => void) => void;

export class Outflow {
  readonly #out: AdjRibOut;
  readonly #news: WireNews;
  readonly #clock: Clock;
  #write: Write | null = null;
  #inFlight = 0;
  #awake = false;
  #turnBegan: number | null = null;
  #pause: Cancel | null = null;
  /** Taken by the socket and not told of yet: what is still to be written goes first. */
  #untold: Batch[] = [];
  #whenIdle: (() => void)[] = [];

  constructor(out: AdjRibOut, news: WireNews, clock: Clock) {
    this.#out = out;
    this.#news = news;
    this.#clock = clock;
  }

  /** A session begins. */
  begin(write: Write): void {
    this.#write = write;
    this.wake();
  }

  /** The session is over: what was not taken never will be. */
  end(): void {
    this.#write = null;
    this.#inFlight = 0;
    this.#untold = [];
    this.#pause?.();
    this.#pause = null;
    this.#tellIdle();
  }

  /** There may be something to send. What several calls of one turn bring about goes out together. */
  wake(): void {
    if (this.#awake || this.#pause) return;
    this.#awake = true;
    queueMicrotask(() => {
      this.#awake = false;
      this.#pump();
    });
  }

  /** Resolves once everything was taken by the socket, or there is no session. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
      this.wake();
    });
  }

  #pump(): void {
    const write = this.#write;
    if (this.#pause) return;
    if (!write) {
      this.#tellIdle();
      return;
    }
    let wrote = false;
    while (write === this.#write && this.#inFlight < MAX_IN_FLIGHT) {
      if (this.#isTurnOver()) {
        this.#yield();
        return;
      }
      const batch = this.#out.next(BATCH);
      if (!batch) break;
      wrote = true;
      this.#send(write, batch);
    }
    if (!wrote) this.#tell();
    if (this.#inFlight === 0 && this.#untold.length === 0) {
      this.#turnBegan = null;
      this.#tellIdle();
    }
  }

  #send(write: Write, batch: Batch): void {
    const bytes = Buffer.concat(batch.messages);
    this.#inFlight += bytes.length;
    write(bytes, () => {
      if (write !== this.#write) return;
      this.#inFlight -= bytes.length;
      this.#untold.push(batch);
      this.#pump();
    });
  }

  #tell(): void {
    for (let batch = this.#untold.shift(); batch; batch = this.#untold.shift()) {
      this.#out.taken(batch, this.#news);
      if (!this.#isTurnOver()) continue;
      this.#yield();
      return;
    }
  }

  #isTurnOver(): boolean {
    const now = this.#clock.now();
    this.#turnBegan ??= now;
    return now - this.#turnBegan > TURN_MS;
  }

  #yield(): void {
    this.#pause = this.#clock.after(0, () => {
      this.#pause = null;
      this.#turnBegan = null;
      this.#pump();
    });
  }

  #tellIdle(): void {
    for (const tell of this.#whenIdle.splice(0)) tell();
  }
}

/**
 * The conversation with the ExaBGP whose process this is: lines go out, each is answered by one, in order. No more are
 * on the way than a pipe takes without blocking the writer; an answer that is overdue gives all of them up.
 */

import type {LinePipe, OpenLinePipe} from '../io/line-pipe.js';
import type {Cancel, Clock} from '../types.js';
import {parseAnswer} from './exabgp-protocol.js';

export interface ExabgpClientOptions<About> {
  readonly open: OpenLinePipe;
  readonly clock: Clock;
  readonly answered: (sent: Sent<About>, answer: 'done' | 'error') => void;
  /** No answer has come in time. They may have been heard all the same. */
  readonly overdue: (sent: readonly Sent<About>[]) => void;
  /** ExaBGP ends, or has let go of us: nothing can be said any more, and no answer comes. */
  readonly ended: () => void;
  /** The pipe itself is closed; `ended` was called before. */
  readonly closed: () => void;
}

export interface Sent<About> {
  readonly line: string;
  /** What it was about. */
  readonly about: About;
}

const answerTimeoutMs = 5_000;
/** Characters that may wait for an answer: half of what a pipe takes without blocking the writer. */
const windowSize = 32 * 1024;

export class ExabgpClient<About> {
  readonly #options: ExabgpClientOptions<About>;
  /** On the way, in the order in which they are answered. */
  #sent: Sent<About>[] = [];
  #size = 0;
  #pipe: LinePipe | null = null;
  #isOver = false;
  #cancelAnswer: Cancel = () => {};

  constructor(options: ExabgpClientOptions<About>) {
    this.#options = options;
  }

  start(): void {
    this.#pipe = this.#options.open({
      line: (text) => this.#read(text),
      closed: () => {
        this.end();
        this.#options.closed();
      },
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether another line may go out now. */
  get hasRoom(): boolean {
    return this.#size < windowSize;
  }

  say(line: string, about: About): void {
    this.#sent.push({line, about});
    this.#size += line.length;
    if (this.#sent.length === 1) this.#awaitAnswer();
    this.#pipe?.write(line);
  }

  /** Nothing is said, and no answer awaited, any more. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelAnswer();
    this.#takeAll();
    this.#options.ended();
  }

  #takeAll(): readonly Sent<About>[] {
    const sent = this.#sent;
    this.#sent = [];
    this.#size = 0;
    return sent;
  }

  #awaitAnswer(): void {
    const {clock, overdue} = this.#options;
    this.#cancelAnswer();
    if (this.#sent.length === 0) return;
    this.#cancelAnswer = clock.after(answerTimeoutMs, () => overdue(this.#takeAll()));
  }

  #read(text: string): void {
    const answer = parseAnswer(text);
    if (answer === 'shutdown') this.end();
    if (answer !== 'done' && answer !== 'error') return;
    const first = this.#sent.shift();
    if (!first) return;
    this.#size -= first.line.length;
    this.#awaitAnswer();
    this.#options.answered(first, answer);
  }
}

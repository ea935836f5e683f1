/** What `npm start` shows: one line for everything that happens, who did it, and when. */

import {type StyleName, type Styles, styles} from '../lib/styles.js';
import type {Clock} from '../types.js';

export type Actor = 'service' | 'agent' | 'kernel' | 'collector' | 'demo';

const actorStyles: Record<Actor, StyleName> = {
  service: 'yellow',
  agent: 'cyan',
  kernel: 'blue',
  collector: 'green',
  demo: 'dim',
};

/** Lines of several processes are held this long, so that they can be shown in the order in which they happened. */
const holdMs = 60;

interface Line {
  readonly at: number;
  readonly text: string;
}

export class Screen {
  readonly style: Styles;
  #held: Line[] = [];
  #flushing = false;

  constructor(
    private readonly out: (text: string) => void,
    color: boolean,
    private readonly clock: Clock,
  ) {
    this.style = styles(color);
  }

  /** `12:00:01.123  agent      service web up: 3 successes in a row: 200 OK in 2 ms` */
  say(actor: Actor, text: string, wallMs = this.clock.wallMs()): void {
    const at = new Date(wallMs);
    const time = [at.getHours(), at.getMinutes(), at.getSeconds()]
      .map((n) => String(n).padStart(2, '0'))
      .join(':');
    const ms = String(at.getMilliseconds()).padStart(3, '0');
    const who = this.style[actorStyles[actor]](actor.padEnd(9));
    this.#hold({at: wallMs, text: `${this.style.dim(`${time}.${ms}`)}  ${who}  ${text}`});
  }

  /** Text without a time: the frame around what happens. */
  plain(text = ''): void {
    this.#hold({at: this.clock.wallMs(), text});
  }

  /** Shows what is still held. */
  flush(): void {
    const lines = this.#held.sort((a, b) => a.at - b.at);
    this.#held = [];
    for (const {text} of lines) this.out(`${text}\n`);
  }

  #hold(line: Line): void {
    this.#held.push(line);
    if (this.#flushing) return;
    this.#flushing = true;
    this.clock.after(holdMs, () => {
      this.#flushing = false;
      this.flush();
    });
  }
}

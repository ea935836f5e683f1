/** What `npm start` shows: one line for everything that happens, who did it, and when. */

import {type StyleName, type Styles, styles} from '../lib/styles.js';

export type Actor = 'service' | 'agent' | 'kernel' | 'collector' | 'demo';

const actorStyles: Record<Actor, StyleName> = {
  service: 'yellow',
  agent: 'cyan',
  kernel: 'blue',
  collector: 'green',
  demo: 'dim',
};

export class Screen {
  readonly style: Styles;

  constructor(
    private readonly out: (text: string) => void,
    color: boolean,
    private readonly wallMs: () => number,
  ) {
    this.style = styles(color);
  }

  /** `12:00:01.123  agent      service web up: 3 successes in a row: 200 OK in 2 ms` */
  say(actor: Actor, text: string): void {
    const at = new Date(this.wallMs());
    const time = [at.getHours(), at.getMinutes(), at.getSeconds()]
      .map((n) => String(n).padStart(2, '0'))
      .join(':');
    const ms = String(at.getMilliseconds()).padStart(3, '0');
    const who = this.style[actorStyles[actor]](actor.padEnd(9));
    this.out(`${this.style.dim(`${time}.${ms}`)}  ${who}  ${text}\n`);
  }

  /** Text without a time: the frame around what happens. */
  plain(text = ''): void {
    this.out(`${text}\n`);
  }
}

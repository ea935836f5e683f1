/** What the scenes of all driven daemons have in common: the announcer is told something, and the router beside shows it. */

import type {Test} from 'tap';
import {systemClock} from '../../agent/io/clock.js';
import {parsePrefix} from '../../agent/lib/prefix.js';
import type {Announcer, Clock, Desired, Route} from '../../agent/types.js';
import type {Router, SeenRoute} from '../lab/router.js';
import {waitFor} from '../lab/wait.js';

export abstract class DrivenScene {
  readonly events: string[] = [];

  constructor(
    protected readonly t: Test,
    readonly announcer: Announcer,
    readonly router: Router,
  ) {
    announcer.on((event) => this.events.push(`${event.kind} ${event.prefix}`));
    t.teardown(() => announcer.stop('keep'));
  }

  /** Resolves once the daemon has its session with the router. */
  abstract sessionUp(): Promise<void>;

  /** Starts the announcer; resolves once the session is there. */
  async start(): Promise<void> {
    await this.announcer.start();
    await this.sessionUp();
  }

  set(items: readonly Route[], rest: Partial<Omit<Desired<Route>, 'items'>> = {}): void {
    this.events.length = 0;
    this.announcer.set({items, adopt: new Set(), complete: true, ...rest});
  }

  async told(...events: string[]): Promise<void> {
    const told = await waitFor(
      'events',
      () => this.events,
      (seen) => events.every((event) => seen.includes(event)),
    );
    this.t.ok(told.length >= events.length, `told: ${events.join(', ')}`);
  }

  routerHas(...prefixes: string[]): Promise<readonly SeenRoute[]> {
    return routerHas(this.t, this.router, ...prefixes);
  }

  word(prefix: string): string {
    const {items, reasons} = this.announcer.snapshot();
    const reason = reasons.get(parsePrefix(prefix));
    return `${String(items.get(parsePrefix(prefix)))}${reason === undefined ? '' : `: ${reason}`}`;
  }

  async shows(prefix: string, wanted: RegExp): Promise<void> {
    await waitFor(
      `${prefix} to be shown as ${wanted}`,
      () => this.word(prefix),
      (word) => wanted.test(word),
    );
    this.t.pass(`${prefix} is shown as ${wanted}`);
  }
}

/** Waits until the router has exactly these prefixes, and answers its routes. */
export async function routerHas(
  t: Test,
  router: Router,
  ...prefixes: string[]
): Promise<readonly SeenRoute[]> {
  const what = `the router has ${prefixes.join(', ') || 'nothing'}`;
  const seen = await waitFor(
    what,
    async () => [...(await router.routes('ipv4')), ...(await router.routes('ipv6'))],
    (routes) =>
      routes
        .map(({prefix}) => prefix)
        .toSorted()
        .join() === prefixes.toSorted().join(),
  );
  t.equal(seen.length, prefixes.length, what);
  return seen;
}

/** A clock on which so many seconds go by in one. */
export function hasty(haste: number): Clock {
  return {
    now: () => systemClock.now() * haste,
    wallMs: () => systemClock.wallMs(),
    after: (ms, fn) => systemClock.after(ms / haste, fn),
  };
}

/** The files by which services are drained (`disable_file`), watched. */

import type {Cancel, Clock, Files} from '../types.js';

export type Presence = number | 'unknown' | null;

export interface DisableFilesOptions {
  readonly watch: Files['watch'];
  /** As `presenceOf` of io. */
  readonly look: (path: string) => Presence;
  readonly clock: Clock;
  readonly onChange: () => void;
}

/** Some file systems tell of no change that another host makes. */
const lookEveryMs = 2000;

export class DisableFiles {
  readonly #options: DisableFilesOptions;
  readonly #watched = new Map<string, {presence: Presence; readonly cancel: Cancel}>();
  #cancelTimer: Cancel = () => {};

  constructor(options: DisableFilesOptions) {
    this.#options = options;
  }

  /** From now on these are watched, and no others. */
  set(paths: Iterable<string>): void {
    const wanted = new Set(paths);
    for (const [path, {cancel}] of this.#watched) {
      if (wanted.has(path)) continue;
      cancel();
      this.#watched.delete(path);
    }
    for (const path of wanted) {
      if (this.#watched.has(path)) continue;
      const cancel = this.#options.watch(path, () => this.#lookAgain(path));
      // Only now: what comes before the watch must not go unseen.
      this.#watched.set(path, {presence: this.#options.look(path), cancel});
    }
    this.#arm();
  }

  /** Of a file that is not watched: as it is now. */
  presence(path: string): Presence {
    const watched = this.#watched.get(path);
    return watched ? watched.presence : this.#options.look(path);
  }

  stop(): void {
    this.set([]);
  }

  #arm(): void {
    this.#cancelTimer();
    if (this.#watched.size === 0) return;
    this.#cancelTimer = this.#options.clock.after(lookEveryMs, () => {
      this.#arm();
      for (const path of [...this.#watched.keys()]) this.#lookAgain(path);
    });
  }

  #lookAgain(path: string): void {
    const watched = this.#watched.get(path);
    if (!watched) return;
    const before = watched.presence;
    watched.presence = this.#options.look(path);
    if ((before === null) !== (watched.presence === null)) this.#options.onChange();
  }
}

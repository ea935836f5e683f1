/** `eip-health stop`: a stop by command, which may leave something else than `on_stop` says. */

import {ApiError} from './api/protocol.js';
import type {Config} from './config/types.js';
import type {JsonObject} from './types.js';

type Mode = Config['onStop'];

export class StopRequest {
  /** Resolves when a stop is asked for. */
  readonly asked: Promise<void>;
  readonly #ended: Promise<Mode>;
  #ask: () => void = () => undefined;
  #end: (mode: Mode) => void = () => undefined;
  #mode: Mode | null = null;

  constructor() {
    this.asked = new Promise((resolve) => {
      this.#ask = resolve;
    });
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** What was asked to be left; null: what the configuration says. */
  get mode(): Mode | null {
    return this.#mode;
  }

  /** Answers when everything has been stopped. Throws `ApiError` for a mode that there is not. */
  async handle({mode}: JsonObject): Promise<JsonObject> {
    if (mode !== undefined && mode !== 'keep' && mode !== 'withdraw') {
      throw new ApiError(2, 'mode is `keep` or `withdraw`, or left out for what `on_stop` says');
    }
    this.#mode ??= mode ?? null;
    this.#ask();
    return {mode: await this.#ended};
  }

  /** Everything has been stopped. */
  done(mode: Mode): void {
    this.#end(mode);
  }
}

/** Commands to bgpd, by the quicker of the two ways that there are: its own socket, else `vtysh -c`. */

import {bgpdSockets, type FrrConfig} from '../config/frr.js';
import {VtyClient} from '../control/vty-client.js';
import {FrrError, NoBgpError, type VtyAnswer} from '../control/vty-protocol.js';
import {askVtysh, type VtyshOptions} from '../control/vtysh-client.js';
import type {UnixConnector} from '../io/text-stream.js';
import type {Clock, Exec} from '../types.js';

export interface FrrShellOptions {
  readonly config: FrrConfig;
  readonly connect: UnixConnector;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly random?: () => number;
  /** bgpd's socket can be used, from now on. */
  readonly onUp: (path: string) => void;
  readonly onDown: (reason: string) => void;
}

export class FrrShell {
  readonly #client: VtyClient | null;
  readonly #vtysh: VtyshOptions;
  /** Resolves when it is known whether bgpd's socket can be used. */
  readonly #known: Promise<void>;

  constructor(options: FrrShellOptions) {
    const {config, exec} = options;
    const paths = bgpdSockets(config);
    let known: () => void = () => undefined;
    this.#known = new Promise((resolve) => {
      known = resolve;
    });
    const onUp = (path: string) => {
      options.onUp(path);
      known();
    };
    let failures = 0;
    const onDown = (reason: string) => {
      options.onDown(reason);
      if (++failures >= paths.length) known();
    };
    this.#client = paths.length > 0 ? new VtyClient({...options, paths, onUp, onDown}) : null;
    if (!this.#client) known();
    this.#vtysh = {
      vtysh: config.vtysh,
      exec,
      ...(config.vtySockets === undefined ? {} : {folder: config.vtySockets}),
    };
  }

  start(): void {
    this.#client?.start();
  }

  stop(): void {
    this.#client?.stop();
  }

  /** Whether commands go to bgpd itself. */
  get isDirect(): boolean {
    return this.#client?.downReason === null;
  }

  /** There is no bgpd, as far as can be told: nobody listens at its own socket. */
  get isAbsent(): boolean {
    return this.#client?.isAbsent ?? false;
  }

  /**
   * Answers in the order of the commands; through vtysh there is none for what stands behind a command that was
   * refused. Rejects with `FrrError`, which names what was tried: with `NoBgpError` where there is no bgpd.
   */
  async ask(commands: readonly string[]): Promise<readonly VtyAnswer[]> {
    await this.#known;
    const down = this.#client?.downReason ?? null;
    if (this.#client && down === null) return this.#client.ask(commands);
    // vtysh would hang as well, and leave behind what bgpd carries out when it wakes up.
    if (this.#client?.isHanging) throw new FrrError(down ?? '');
    try {
      return await askVtysh(this.#vtysh, commands);
    } catch (error) {
      if (!(error instanceof FrrError) || down === null) throw error;
      const message = `${down}; ${error.message}`;
      throw this.isAbsent ? new NoBgpError(message) : new FrrError(message);
    }
  }
}

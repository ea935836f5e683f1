/**
 * gobgpd, through the `gobgp` command: a process for each question and each change, few at a time. A connection to
 * its API is held beside, over which nothing is asked: its end tells at once that gobgpd has gone, and no process is
 * run where there is nobody to talk to.
 */

import type {GobgpConfig} from '../config/gobgp.js';
import type {PortConnector} from '../io/text-stream.js';
import {familyOf} from '../lib/prefix.js';
import type {Exec, IpFamily, Prefix} from '../types.js';
import {
  complaintOf,
  GobgpError,
  type GobgpPath,
  GobgpRefusal,
  type GobgpSessions,
  isUnanswered,
  parseGlobal,
  parseNeighbors,
  parseSummary,
  parseTable,
  removeWords,
} from './gobgp-protocol.js';
import {Link, type LinkTimes} from './link-client.js';

export interface GobgpClientOptions extends LinkTimes {
  readonly config: GobgpConfig;
  readonly connect: PortConnector;
  readonly exec: Exec;
  /** gobgpd answers from now on. */
  readonly onUp: (place: string) => void;
  /** It does not (any more). Told for every attempt. */
  readonly onDown: (reason: string) => void;
}

/** The client's part of an HTTP/2 connection's beginning (RFC 9113 §3.4): the preface and empty SETTINGS. */
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';
const greetingTimeoutMs = 3_000;
/** `gobgp` itself waits one second for a connection. */
const commandTimeoutMs = 3_000;
const maxBytes = 64 * 2 ** 20;
const processesAtOnce = 4;
/** So few prefixes are asked for by name. More are looked up in the whole table, unless that is large. */
const singleQuestions = 3;
const largeTable = 5_000;

export class GobgpClient {
  readonly #options: GobgpClientOptions;
  readonly #link: Link;

  constructor(options: GobgpClientOptions) {
    this.#options = options;
    const {config, connect, onUp} = options;
    const place = `${config.host.includes(':') ? `[${config.host}]` : config.host}:${config.port}`;
    this.#link = new Link({
      ...options,
      connect: (handlers) => {
        this.#link.expect(greetingTimeoutMs, `gobgpd does not answer: nothing comes from ${place}`);
        return connect(config, handlers);
      },
      opened: () => this.#link.write(preface),
      data: () => {
        if (this.#link.isUp) return;
        this.#link.answered();
        this.#link.up();
        onUp(place);
      },
      explain: (code, wasUp) => explainClosed(code, wasUp, place),
      ended: () => undefined,
      down: options.onDown,
    });
  }

  /** Begins to connect; goes on trying until `stop`. */
  start(): void {
    this.#link.start();
  }

  stop(): void {
    this.#link.stop();
  }

  /** Whether the first attempt to reach it has come to an end. */
  get isKnown(): boolean {
    return this.#link.isKnown;
  }

  /** Why gobgpd cannot be spoken to; null while it can. */
  get downReason(): string | null {
    return this.#link.downReason;
  }

  /** Nobody listens: no gobgpd, and none that could announce anything. */
  get isAbsent(): boolean {
    return this.#link.isAbsent;
  }

  /** GoBGP's own AS. Rejects with `GobgpError`, also where gobgpd has none yet. */
  async ownAs(): Promise<number> {
    const as = parseGlobal(await this.#ask('global'));
    if (as === null) throw new GobgpError('gobgpd has no AS yet: it must be configured');
    return as;
  }

  /** Rejects with `GobgpError`. */
  async sessions(): Promise<GobgpSessions> {
    return parseNeighbors(await this.#ask('neighbor'));
  }

  /**
   * The paths of these prefixes, none where there is none. Ends early, with what it has, when there is news.
   * Rejects with `GobgpError`.
   */
  async paths(
    prefixes: readonly Prefix[],
    hasNews: () => boolean,
  ): Promise<ReadonlyMap<Prefix, readonly GobgpPath[]>> {
    const found = new Map<Prefix, readonly GobgpPath[]>();
    for (const family of ['ipv4', 'ipv6'] as const) {
      const own = prefixes.filter((prefix) => familyOf(prefix) === family);
      if (await this.#isQuickerAsTable(own, family)) {
        const table = parseTable(await this.#ask('global', 'rib', '-a', family));
        for (const prefix of own) found.set(prefix, table.get(prefix) ?? []);
        continue;
      }
      await inTurn(own, hasNews, async (prefix) => {
        const table = parseTable(await this.#ask('global', 'rib', '-a', family, prefix));
        found.set(prefix, table.get(prefix) ?? []);
      });
    }
    return found;
  }

  /**
   * Runs these commands, the first ones first, and answers what was refused. Ends early when there is news: what was
   * done is told to `done`. Rejects with `GobgpError` where gobgpd does not answer.
   */
  async change(
    commands: ReadonlyMap<Prefix, readonly string[]>,
    hasNews: () => boolean,
    done: (prefix: Prefix) => void,
  ): Promise<ReadonlyMap<Prefix, string>> {
    const refused = new Map<Prefix, string>();
    await inTurn([...commands], hasNews, async ([prefix, words]) => {
      try {
        await this.#run(words);
        done(prefix);
      } catch (error) {
        if (!(error instanceof GobgpRefusal)) throw error;
        refused.set(prefix, error.message);
      }
    });
    return refused;
  }

  /** Takes out our paths of these prefixes, if there are any; otherwise as `change`. */
  remove(
    prefixes: readonly Prefix[],
    hasNews: () => boolean,
    done: (prefix: Prefix) => void,
  ): Promise<ReadonlyMap<Prefix, string>> {
    return this.change(new Map(prefixes.map((prefix) => [prefix, removeWords(prefix)])), hasNews, done);
  }

  /** Of a router with a full table the table is not read for some prefixes of ours. */
  async #isQuickerAsTable({length}: readonly Prefix[], family: IpFamily): Promise<boolean> {
    if (length <= singleQuestions) return false;
    const size = parseSummary(await this.#ask('global', 'rib', 'summary', '-a', family));
    return size <= Math.max(largeTable, length);
  }

  #ask(...words: readonly string[]): Promise<string> {
    return this.#run(['-j', ...words]);
  }

  async #run(words: readonly string[]): Promise<string> {
    const {downReason} = this.#link;
    if (downReason !== null) throw new GobgpError(downReason);
    const {config, exec} = this.#options;
    const {command, host, port} = config;
    const argv = [command, '-u', host, '-p', String(port), ...words];
    const result = await exec.run(argv, {timeoutMs: commandTimeoutMs, maxBytes});
    const {code, outcome, reason, stderr, stdout, truncated} = result;
    if (outcome === 'not-started') throw new GobgpError(`${command}: ${reason}`);
    const complaint = complaintOf(stdout) || complaintOf(stderr);
    if (outcome === 'timeout' || (code !== 0 && isUnanswered(complaint))) {
      const what = outcome === 'timeout' ? reason : complaint;
      const said = `gobgpd does not answer: "gobgp ${words.join(' ')}": ${what}`;
      // Nothing else is run until it is known to answer again.
      if (this.#link.isUp) this.#link.fail(said, {isHanging: true});
      throw new GobgpError(this.#link.downReason ?? said);
    }
    if (outcome !== 'exited') throw new GobgpError(`${command}: ${reason}`);
    if (code !== 0) throw new GobgpRefusal(`GoBGP refuses "${words.join(' ')}": ${complaint || reason}`);
    if (truncated) throw new GobgpError(`${command}: the answer is longer than ${maxBytes} bytes`);
    return stdout;
  }
}

/** A few at a time, begun in order, until there is news or one of them fails. */
async function inTurn<Item>(
  items: readonly Item[],
  hasNews: () => boolean,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0;
  let isOver = false;
  const worker = async (): Promise<void> => {
    while (!isOver) {
      const item = items[next++];
      if (item === undefined) return;
      try {
        await work(item);
      } catch (error) {
        isOver = true;
        throw error;
      }
      if (hasNews()) isOver = true;
    }
  };
  const results = await Promise.allSettled(Array.from({length: processesAtOnce}, worker));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

function explainClosed(code: string | null, wasUp: boolean, place: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return `nothing listens at ${place}: gobgpd does not run, or its API listens elsewhere`;
    case 'EPIPE':
    case 'ECONNRESET':
    case null:
      return `gobgpd ended the connection to ${place}${wasUp ? '' : ' at once'}`;
    default:
      return `cannot connect to ${place}: ${code}`;
  }
}

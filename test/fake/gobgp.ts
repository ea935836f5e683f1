/**
 * A gobgpd with its `gobgp` command, as GoBGP 3.10.0 was seen to behave: what is printed is in its form, and what it
 * does not understand it refuses as GoBGP does, and remembers. Strict: words in another order than ours are unknown.
 */

import type {PortConnector} from '../../agent/io/text-stream.js';
import type {Clock, Exec, ExecResult} from '../../agent/types.js';

export interface FakePath {
  /** Path identifier. */
  readonly id: number;
  /** The neighbor that sent it; absent: added through the API. */
  readonly neighbor?: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface FakeNeighbor {
  readonly address: string;
  readonly isUp: boolean;
  readonly families?: readonly ('ipv4' | 'ipv6')[];
}

const usage =
  'usage: global rib -a ipv4 add <PREFIX> [identifier <VALUE>] [origin { igp | egp | incomplete }] …';
const additions = [
  'identifier',
  'origin',
  'nexthop',
  'aspath',
  'med',
  'local-pref',
  'community',
  'large-community',
];
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';

export class FakeGobgp {
  isRunning = true;
  isHanging = false;
  /** null: gobgpd was started without a configuration. */
  as: number | null = 65001;
  neighbors: readonly FakeNeighbor[] = [{address: '10.0.0.9', isUp: true}];
  /** Prefixes that an import policy rejects. */
  readonly rejected = new Set<string>();
  /** Additions that are answered so. */
  readonly refused = new Map<string, string>();
  /** An import policy that sets the MED of everything. */
  policyMed: string | null = null;
  readonly rib = new Map<string, FakePath[]>();
  readonly unknown: string[] = [];
  /** What was carried out of additions and removals. */
  readonly changes: string[] = [];
  /** Questions, without the flags that name the place. */
  readonly questions: string[] = [];
  running = 0;
  /** Of those, the ones that get no answer. */
  waiting = 0;
  mostAtOnce = 0;
  /** Further destinations of the table, which make it large. */
  others = 0;
  /** What it runs as; anything else does not exist. */
  command = '/usr/bin/gobgp';
  /** Runs before each command is carried out. */
  before: (words: string) => void = () => undefined;
  readonly #clock: Clock;
  readonly #streams = new Set<(code: string | null) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends as when it is killed: its table is forgotten. */
  kill(): void {
    this.isRunning = false;
    this.isHanging = false;
    this.rib.clear();
    for (const close of [...this.#streams]) close(null);
    this.#streams.clear();
  }

  /** Connections end; it goes on. */
  drop(): void {
    for (const close of [...this.#streams]) close(null);
    this.#streams.clear();
  }

  /** Comes back, with an empty table. */
  restart(): void {
    this.isRunning = true;
  }

  add(prefix: string, path: Partial<FakePath> = {}): void {
    const now = {id: 0, attributes: {origin: 'igp'}, ...path};
    const others = (this.rib.get(prefix) ?? []).filter(
      ({id, neighbor}) => id !== now.id || neighbor !== now.neighbor,
    );
    this.rib.set(prefix, [...others, now]);
  }

  delete(prefix: string, id = 0): void {
    const left = (this.rib.get(prefix) ?? []).filter((path) => path.id !== id || path.neighbor !== undefined);
    if (left.length > 0) this.rib.set(prefix, left);
    else this.rib.delete(prefix);
  }

  /** Prefixes with a path of eip-health. */
  ours(): readonly string[] {
    return [...this.rib].filter(([, paths]) => paths.some(({id}) => id === 153)).map(([prefix]) => prefix);
  }

  readonly connect: PortConnector = ({host, port}, handlers) => {
    if (host !== '127.0.0.1' || port !== 50051) throw new Error(`nobody expects ${host}:${port}`);
    let isOver = false;
    const close = (code: string | null) => {
      if (isOver) return;
      isOver = true;
      handlers.closed(code);
    };
    const soon = (fn: () => void) => setImmediate(() => isOver || fn());
    if (this.isRunning) {
      this.#streams.add(close);
      soon(() => handlers.opened());
    } else soon(() => close('ECONNREFUSED'));
    return {
      write: (text) => {
        if (text !== preface) throw new Error('this is no beginning of HTTP/2');
        if (!this.isHanging) soon(() => handlers.data('\0\0\x06\x04\0\0\0\0\0\0\x05\0\0@\0'));
      },
      destroy: () => {
        isOver = true;
        this.#streams.delete(close);
      },
    };
  };

  readonly exec: Exec = {
    run: async (argv, {timeoutMs}) => {
      const [command = '', ...rest] = argv;
      if (command !== this.command)
        return {...nothing, outcome: 'not-started', code: null, reason: 'no such file'};
      if (rest.slice(0, 4).join(' ') !== '-u 127.0.0.1 -p 50051')
        throw new Error(`odd flags: ${rest.join(' ')}`);
      this.running++;
      this.mostAtOnce = Math.max(this.mostAtOnce, this.running);
      try {
        await new Promise<void>((done) => setImmediate(done));
        return await this.#answer(rest.slice(4), timeoutMs);
      } finally {
        this.running--;
      }
    },
  };

  async #answer(words: readonly string[], timeoutMs: number): Promise<ExecResult> {
    const text = words.join(' ');
    this.before(text);
    const isJson = words[0] === '-j';
    if (!this.isRunning || this.isHanging) {
      // `gobgp` waits a second for the connection.
      this.waiting++;
      await new Promise<void>((done) => this.#clock.after(Math.min(1_000, timeoutMs), done));
      this.waiting--;
      return failed(isJson ? '{"error":"context deadline exceeded"}' : 'context deadline exceeded');
    }
    if (isJson) {
      this.questions.push(words.slice(1).join(' '));
      return this.#ask(words.slice(1));
    }
    return this.#change(words);
  }

  #ask(words: readonly string[]): ExecResult {
    const [first, second, flag, family, ...rest] = words;
    if (words.join(' ') === 'global') {
      return printed(this.as === null ? {} : {asn: this.as, router_id: '10.0.0.1', listen_port: 179});
    }
    if (words.join(' ') === 'neighbor') return printed(this.neighbors.map(neighborJson));
    if (first !== 'global' || second !== 'rib') return this.#refuse(words);
    if (flag === 'summary' && family === '-a' && rest.length === 1) {
      const own = this.#of(rest[0] ?? '').length + this.others;
      return printed(own === 0 ? {} : {num_destination: own, num_path: own});
    }
    if (flag !== '-a' || (family !== 'ipv4' && family !== 'ipv6') || rest.length > 1)
      return this.#refuse(words);
    const [only] = rest;
    const table = this.#of(family).filter(([prefix]) => only === undefined || prefix === only);
    return printed(Object.fromEntries(table.map(([prefix, paths]) => [prefix, pathsJson(prefix, paths)])));
  }

  #of(family: string): [string, FakePath[]][] {
    return [...this.rib].filter(([prefix]) => prefix.includes(':') === (family === 'ipv6'));
  }

  #change(words: readonly string[]): ExecResult {
    const [global, rib, flag, family, what, prefix = '', ...rest] = words;
    if (`${global} ${rib} ${flag}` !== 'global rib -a' || prefix.includes(':') !== (family === 'ipv6')) {
      return this.#refuse(words);
    }
    if (this.as === null) return failed("rpc error: code = Unknown desc = bgp server hasn't started yet");
    if (what === 'del' && rest[0] === 'identifier' && rest.length === 2) {
      this.delete(prefix, Number(rest[1]));
      this.changes.push(`del ${prefix}`);
      return printed('');
    }
    const keys = rest.filter((_, i) => i % 2 === 0);
    const places = keys.map((key) => additions.indexOf(key));
    if (
      what !== 'add' ||
      rest.length % 2 === 1 ||
      places.some((place, i) => place <= (places[i - 1] ?? -1))
    ) {
      return this.#refuse(words);
    }
    const refusal = this.refused.get(prefix);
    if (refusal !== undefined) return failed(`${refusal}\n${usage}`);
    this.changes.push(`add ${prefix}`);
    if (this.rejected.has(prefix)) return printed('');
    const {identifier, ...given} = Object.fromEntries(keys.map((key, i) => [key, rest[2 * i + 1] ?? '']));
    const attributes = this.policyMed === null ? given : {...given, med: this.policyMed};
    this.add(prefix, {id: Number(identifier), attributes});
    return printed('');
  }

  #refuse(words: readonly string[]): ExecResult {
    this.unknown.push(words.join(' '));
    return failed(`error: failed to parse [${words.join(' ')}]\n${usage}`);
  }
}

const nothing: ExecResult = {
  outcome: 'exited',
  code: 0,
  signal: null,
  stdout: '',
  stderr: '',
  truncated: false,
  reason: 'exit code 0',
  durationMs: 20,
};

function printed(value: unknown): ExecResult {
  return {...nothing, stdout: value === '' ? '' : JSON.stringify(value)};
}

function failed(stdout: string): ExecResult {
  return {...nothing, code: 1, reason: 'exit code 1', stdout: `${stdout}\n`};
}

function neighborJson({address, families = ['ipv4', 'ipv6'], isUp}: FakeNeighbor): unknown {
  const conf = {local_asn: 65001, neighbor_address: address, peer_asn: 65002, type: 1};
  return {
    conf,
    state: {neighbor_address: address, peer_asn: 65002, session_state: isUp ? 6 : 3},
    afi_safis: families.map((family) => ({
      config: {family: {afi: family === 'ipv4' ? 1 : 2, safi: 1}, enabled: true},
    })),
  };
}

/** The first of GoBGP's own is the best; a neighbor's only with a higher LOCAL_PREF. */
function pathsJson(prefix: string, paths: readonly FakePath[]): unknown {
  const preference = ({attributes, neighbor}: FakePath) =>
    Number(attributes['local-pref'] ?? 100) * 2 + (neighbor === undefined ? 1 : 0);
  const best = paths.toSorted((a, b) => preference(b) - preference(a))[0];
  return paths.map((path) => ({
    nlri: {prefix},
    age: 1795269109,
    best: path === best,
    attrs: attributesJson(prefix, path.attributes),
    stale: false,
    ...(path.neighbor === undefined ? {} : {'source-id': '10.0.0.9', 'neighbor-ip': path.neighbor}),
  }));
}

function attributesJson(prefix: string, given: FakePath['attributes']): unknown[] {
  const isSix = prefix.includes(':');
  const numbers = (text: string) => text.split(':').map(Number);
  const list = (name: string) => (given[name] ?? '').split(',').filter(Boolean);
  const nexthop = given.nexthop ?? (isSix ? '::' : '0.0.0.0');
  return [
    {type: 1, value: given.origin === 'igp' ? 0 : 2},
    ...(given.aspath === undefined
      ? []
      : [
          {
            type: 2,
            as_paths: [{segment_type: 2, num: list('aspath').length, asns: list('aspath').map(Number)}],
          },
        ]),
    ...(given.med === undefined ? [] : [{type: 4, metric: Number(given.med)}]),
    ...(given['local-pref'] === undefined ? [] : [{type: 5, value: Number(given['local-pref'])}]),
    ...(given.community === undefined
      ? []
      : [
          {
            type: 8,
            communities: list('community').map((text) => {
              const [high = 0, low = 0] = numbers(text);
              return high * 65_536 + low;
            }),
          },
        ]),
    ...(given['large-community'] === undefined
      ? []
      : [
          {
            type: 32,
            value: list('large-community').map((text) => {
              const [ASN, LocalData1, LocalData2] = numbers(text);
              return {ASN, LocalData1, LocalData2};
            }),
          },
        ]),
    isSix ? {type: 14, nexthop, afi: 2, safi: 1, value: [{prefix}]} : {type: 3, nexthop},
  ];
}

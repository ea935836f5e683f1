/**
 * A BIRD that is one at its control socket, and nothing behind it: a real unix socket whose replies are those of 1.6.8
 * and 2.0.12 as recorded from them, and of 2.14 and 3 as their documentation has them. It reads the files that its
 * configuration includes, strictly. A command that BIRD does not know, or that eip-health has no business to send, is
 * noted in `unknown`: tests look there at their end.
 */

import {existsSync, readFileSync, rmSync} from 'node:fs';
import {createServer, type Server, type Socket} from 'node:net';
import {familyOf, parsePrefix} from '../../agent/lib/prefix.js';
import type {IpFamily, Prefix} from '../../agent/types.js';
import {
  type Dialect,
  dialectOf,
  readDefines,
  readFunctions,
  readStatics,
  SyntaxFault,
} from './bird-language.js';

/** What its bird.conf includes, and so needs to be there. */
export type Include =
  | {readonly form: 'define'; readonly path: string; readonly names: readonly string[]}
  | {readonly form: 'function'; readonly path: string; readonly name: string}
  | {readonly form: 'static'; readonly path: string; readonly family: IpFamily};

export interface FakeBirdOptions {
  readonly version: string;
  readonly socket: string;
  readonly includes?: readonly Include[];
  /** Of BIRD 1.6: which of the two daemons it is. */
  readonly family?: IpFamily;
  /** Routes that a `protocol direct` gives. */
  readonly routes?: readonly string[];
  /** Static protocols of its own, by name. */
  readonly protocols?: Readonly<Record<string, readonly string[]>>;
}

interface Loaded {
  /** What the filters let out. */
  readonly listed: ReadonlySet<Prefix>;
  readonly statics: ReadonlyMap<Prefix, readonly string[]>;
}

const empty: Loaded = {listed: new Set(), statics: new Map()};

export class FakeBird {
  readonly commands: string[] = [];
  readonly unknown: string[] = [];
  /** BGP sessions: name → what `show protocols` says of them. */
  readonly sessions = new Map([['uplink', 'Established']]);
  readonly routes: Set<Prefix>;
  readonly enabled = new Set<string>();
  /** It answers `configure` with this error of its configuration. */
  refuse: string | null = null;
  /** So many looks at its status a configuration takes to come into effect. */
  progress = 0;
  /** So many looks at a route it goes on exporting what it did before. */
  lag = 0;
  /** The filters of its own configuration reject everything, or let everything out. */
  filters: 'as included' | 'reject' | 'accept' = 'as included';
  isRestricted = false;
  /** It is always too late for `configure confirm`. */
  loseConfirmation = false;
  readonly #options: FakeBirdOptions;
  readonly #dialect: Dialect;
  readonly #protocols: ReadonlyMap<string, ReadonlySet<Prefix>>;
  readonly #server: Server;
  readonly #clients = new Map<Socket, string>();
  #isHanging = false;
  #loaded: Loaded = empty;
  /** What it exports still, as long as it lags behind. */
  #stale: {readonly loaded: Loaded; left: number} | null = null;
  #coming: {loaded: Loaded; left: number} | null = null;
  #queued: Loaded | null = null;
  #unconfirmed: {readonly before: Loaded; readonly by: Socket} | null = null;

  private constructor(options: FakeBirdOptions) {
    this.#options = options;
    this.#dialect = dialectOf(options.version, options.family);
    this.routes = new Set((options.routes ?? []).map(parsePrefix));
    this.#protocols = new Map(
      Object.entries(options.protocols ?? {}).map(([name, routes]) => [
        name,
        new Set(routes.map(parsePrefix)),
      ]),
    );
    for (const name of this.#protocols.keys()) this.enabled.add(name);
    this.#server = createServer((socket) => this.#greet(socket));
  }

  /** Reads its configuration, as BIRD does when it starts; throws what is wrong with it. */
  static async start(options: FakeBirdOptions): Promise<FakeBird> {
    const bird = new FakeBird(options);
    bird.#loaded = bird.#read();
    rmSync(options.socket, {force: true});
    await new Promise<void>((resolve, reject) => {
      bird.#server.on('error', reject).listen(options.socket, resolve);
    });
    return bird;
  }

  /** Its process ends. */
  async stop(): Promise<void> {
    this.#isHanging = false;
    for (const socket of this.#clients.keys()) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Its connections end; it goes on. */
  drop(): void {
    for (const socket of this.#clients.keys()) socket.destroy();
  }

  get isHanging(): boolean {
    return this.#isHanging;
  }

  get socket(): string {
    return this.#options.socket;
  }

  /** SIGSTOP, and SIGCONT. */
  hang(): void {
    this.#isHanging = true;
  }

  resume(): void {
    this.#isHanging = false;
    for (const socket of this.#clients.keys()) this.#work(socket);
  }

  /** What its neighbor gets. */
  exported(): readonly Prefix[] {
    return this.#isAnyUp ? this.#exportable(this.#stale?.loaded ?? this.#loaded) : [];
  }

  /** The statements of a static route. */
  attributes(prefix: Prefix): readonly string[] | undefined {
    return this.#loaded.statics.get(prefix);
  }

  /** How often it was told to change something. */
  get changes(): number {
    return this.commands.filter((line) => /^(configure(?! (check|confirm))|enable|disable)\b/.test(line))
      .length;
  }

  /** Somebody else's `configure`: by hand, after having changed a file. */
  reconfigure(): void {
    this.#loaded = this.#read();
  }

  /** Somebody has it go by another configuration file, which lets nothing out. */
  forget(): void {
    this.#loaded = empty;
  }

  /** The time for confirming is over. */
  undo(): void {
    if (!this.#unconfirmed) return;
    const {before, by} = this.#unconfirmed;
    this.#unconfirmed = null;
    this.#loaded = before;
    by.write('+Config timeout expired, starting undo\n');
  }

  /** Sends what it was not asked for. */
  say(text: string): void {
    for (const socket of this.#clients.keys()) socket.write(text);
  }

  get clients(): number {
    return this.#clients.size;
  }

  get #isAnyUp(): boolean {
    return [...this.sessions.values()].includes('Established');
  }

  #exportable({listed, statics}: Loaded): readonly Prefix[] {
    if (this.filters === 'reject') return [];
    const own = [...this.#protocols].flatMap(([name, routes]) => (this.enabled.has(name) ? [...routes] : []));
    const direct = [...this.routes].filter((prefix) => this.filters === 'accept' || listed.has(prefix));
    return [...new Set([...direct, ...statics.keys(), ...own])];
  }

  #hasRoute(prefix: Prefix): boolean {
    return (
      this.routes.has(prefix) ||
      this.#loaded.statics.has(prefix) ||
      [...this.#protocols].some(([name, routes]) => this.enabled.has(name) && routes.has(prefix))
    );
  }

  #read(): Loaded {
    const listed = new Set<Prefix>();
    const statics = new Map<Prefix, readonly string[]>();
    for (const include of this.#options.includes ?? []) {
      const {path} = include;
      if (!existsSync(path))
        throw new Error(`Unable to open included file ${path}: No such file or directory`);
      const text = readFileSync(path, 'utf8');
      try {
        if (include.form === 'static') {
          for (const [prefix, statements] of readStatics(text, this.#dialect, include.family)) {
            statics.set(prefix, statements);
          }
          continue;
        }
        const read = include.form === 'define' ? readDefines : readFunctions;
        const defined = read(text, this.#dialect);
        for (const name of include.form === 'define' ? include.names : [include.name]) {
          const prefixes = defined.get(name);
          if (!prefixes) throw new Error('bird.conf:9:20 syntax error, unexpected CF_SYM_UNDEFINED');
          for (const prefix of prefixes) listed.add(prefix);
        }
      } catch (error) {
        if (!(error instanceof SyntaxFault)) throw error;
        const at = this.#isOne ? `${path}, line ${error.line}:` : `${path}:${error.line}:1`;
        throw new Error(`${at} ${error.message}`);
      }
    }
    return {listed, statics};
  }

  get #isOne(): boolean {
    return this.#dialect.major === 1;
  }

  #greet(socket: Socket): void {
    this.#clients.set(socket, '');
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('close', () => this.#clients.delete(socket));
    socket.on('data', (text) => {
      this.#clients.set(socket, (this.#clients.get(socket) ?? '') + String(text));
      this.#work(socket);
    });
    if (!this.#isHanging) this.#welcome(socket);
  }

  readonly #welcomed = new WeakSet<Socket>();

  #welcome(socket: Socket): void {
    this.#welcomed.add(socket);
    socket.write(`0001 BIRD ${this.#options.version} ready.\n`);
  }

  #work(socket: Socket): void {
    if (this.#isHanging) return;
    if (!this.#welcomed.has(socket)) this.#welcome(socket);
    const lines = (this.#clients.get(socket) ?? '').split('\n');
    this.#clients.set(socket, lines.pop() ?? '');
    for (const line of lines) {
      this.commands.push(line);
      socket.write(this.#answer(line, socket));
    }
  }

  #answer(line: string, socket: Socket): string {
    if (line === 'show status') return this.#showStatus();
    if (line === 'show protocols') return this.#showProtocols();
    if (line === 'show protocols all') return this.#showProtocols('     Local AS:         65001\n');
    const words = line.split(' ');
    if (line.startsWith('show route')) return this.#showRoute(words) ?? this.#unknown(line);
    if (words[0] === 'configure') return this.#configure(words.slice(1), socket) ?? this.#unknown(line);
    if ((words[0] === 'enable' || words[0] === 'disable') && words.length === 2) {
      return this.#switch(words[0], words[1] ?? '');
    }
    return this.#unknown(line);
  }

  #unknown(line: string): string {
    this.unknown.push(line);
    return this.#isOne ? '9001 syntax error\n' : '9001 syntax error, unexpected CF_SYM_UNDEFINED\n';
  }

  #showStatus(): string {
    const {version} = this.#options;
    let state = 'Daemon is up and running';
    if (this.#coming) {
      if (this.#coming.left-- <= 0) this.#take();
      if (this.#coming) state = 'Reconfiguration in progress';
    }
    const host = this.#isOne ? '' : ' Hostname is fake\n';
    return `1000-BIRD ${version}\n1011-Router ID is 10.9.0.1\n${host} Current server time is 2026-11-21 11:32:15.393
 Last reboot on 2026-11-21 11:32:11.388\n Last reconfiguration on 2026-11-21 11:32:11.388\n0013 ${state}\n`;
  }

  #showProtocols(details = ''): string {
    const head = this.#isOne
      ? '2002-name     proto    table    state  since       info\n'
      : '2002-Name       Proto      Table      State  Since         Info\n';
    const line = (name: string, type: string, state: string, info: string) =>
      `${name.padEnd(10)} ${type.padEnd(10)} master4    ${state.padEnd(6)} 11:32:11.388  ${info}\n`;
    const statics = [...this.#protocols.keys()].map((name) =>
      line(name, 'Static', this.enabled.has(name) ? 'up' : 'down', ''),
    );
    const peers = [...this.sessions].map(([name, info]) =>
      line(name, 'BGP', info === 'Established' ? 'up' : 'start', info),
    );
    const rows = [line('device1', 'Device', 'up', ''), ...statics, ...peers];
    if (details === '') return `${head}1002-${rows.join(' ')}0000 \n`;
    return `${head}${rows.map((row) => `1002-${row}1006-  BGP state:\n${details} \n`).join('')}0000 \n`;
  }

  #showRoute([, , subject = '', how = '', quoted = '', ...rest]: readonly string[]): string | null {
    const name = /^'(.+)'$/.exec(subject === 'protocol' ? how : quoted)?.[1] ?? '';
    if (subject === 'protocol') {
      const routes = this.#protocols.get(name);
      if (!routes || quoted !== '') return null;
      return this.#routeLines(this.enabled.has(name) ? [...routes] : []);
    }
    if (rest.length > 0 || !['exported', 'export'].includes(how) || !this.sessions.has(name)) return null;
    if (this.#isOne && how === 'exported') return '9001 IP address expected\n';
    const prefix = parsePrefix(subject);
    if (!this.#dialect.families.includes(familyOf(prefix))) {
      const [own, other] = prefix.includes(':') ? ['IPv4', 'IPv6'] : ['IPv6', 'IPv4'];
      return `9001 This is an ${own} router, therefore ${other} addresses are not supported\n`;
    }
    const isUp = this.sessions.get(name) === 'Established';
    if (!this.#isOne && !isUp) return '9001 No valid tables\n';
    if (!isUp || !this.#hasRoute(prefix)) {
      return `8001 Network not ${this.#isOne ? 'in table' : 'found'}\n`;
    }
    const exported = this.#exportable(this.#stale?.loaded ?? this.#loaded).includes(prefix);
    if (this.#stale && this.#stale.left-- <= 0) this.#stale = null;
    return this.#routeLines(exported ? [prefix] : []);
  }

  #routeLines(prefixes: readonly Prefix[]): string {
    if (prefixes.length === 0) return '0000 \n';
    if (this.#isOne) {
      return `1007-${prefixes.map((prefix) => `${prefix.padEnd(18)} dev lo [direct1 11:33:36] * (240)\n`).join(' ')}0000 \n`;
    }
    const lines = prefixes.map(
      (prefix) => ` ${prefix.padEnd(20)} unicast [direct1 11:32:11.389] * (240)\n \tdev lo\n`,
    );
    return `1007-Table master4:\n${lines.join('')}0000 \n`;
  }

  #configure([how, argument, ...rest]: readonly string[], socket: Socket): string | null {
    if (rest.length > 0) return null;
    const reading = '0002-Reading configuration from /etc/bird/bird.conf\n';
    if (how === 'confirm') {
      if (this.loseConfirmation) this.undo();
      const isWaiting = this.#unconfirmed !== null;
      this.#unconfirmed = null;
      return isWaiting ? '0018 Reconfiguration confirmed\n' : '0019 Nothing to do\n';
    }
    if (how !== undefined && how !== 'check' && how !== 'timeout') return null;
    if (how !== 'check' && this.isRestricted) return '8007 Access denied\n';
    let loaded: Loaded;
    try {
      loaded = this.#read();
      if (this.refuse !== null) throw new Error(this.refuse);
    } catch (error) {
      return `${reading}8002 ${error instanceof Error ? error.message : String(error)}\n`;
    }
    if (how === 'check') return `${reading}0020 Configuration OK\n`;
    let undo = '';
    if (how === 'timeout') {
      this.#unconfirmed = {before: this.#loaded, by: socket};
      undo = `0022-Undo scheduled in ${argument} s\n`;
    }
    if (this.#coming) {
      this.#queued = loaded;
      return `${reading}${undo}0005 Reconfiguration already in progress, queueing new config\n`;
    }
    if (this.progress > 0) {
      this.#coming = {loaded, left: this.progress};
      return `${reading}${undo}0004 Reconfiguration in progress\n`;
    }
    this.#goBy(loaded);
    return `${reading}${undo}0003 Reconfigured\n`;
  }

  #take(): void {
    if (!this.#coming) return;
    this.#goBy(this.#coming.loaded);
    this.#coming = this.#queued ? {loaded: this.#queued, left: this.progress} : null;
    this.#queued = null;
  }

  #goBy(loaded: Loaded): void {
    if (this.lag > 0) this.#stale = {loaded: this.#loaded, left: this.lag};
    this.#loaded = loaded;
  }

  #switch(command: 'enable' | 'disable', quoted: string): string {
    if (this.isRestricted) return '8007 Access denied\n';
    const name = /^'(.+)'$/.exec(quoted)?.[1] ?? '';
    if (!this.#protocols.has(name)) {
      return this.#isOne
        ? `9002 ${name} is not a protocol\n`
        : '9001 syntax error, unexpected CF_SYM_UNDEFINED, expecting CF_SYM_KNOWN or TEXT or ALL\n';
    }
    const isOn = this.enabled.has(name);
    if (command === 'enable') {
      this.enabled.add(name);
      return isOn ? `0010-${name}: already enabled\n0000 \n` : `0011-${name}: enabled\n0000 \n`;
    }
    this.enabled.delete(name);
    return isOn ? `0009-${name}: disabled\n0000 \n` : `0008-${name}: already disabled\n0000 \n`;
  }
}

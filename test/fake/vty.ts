/**
 * A bgpd that is one at its vty socket, and nothing behind it: a real unix socket that answers as bgpd of FRR 8.4.4 does
 * (recorded from it), or as Quagga's does (by its source, 1.2: no JSON, no large communities, IPv4 outside of any
 * address-family, one vty at a time in the configuration). `runVtysh` answers as `vtysh -E -c` does before it.
 * A command that it does not know, or that eip-health has no business to send, is noted in `unknown`: tests look there.
 */

import {rmSync} from 'node:fs';
import {createServer, type Server, type Socket} from 'node:net';
import type {FrrDialect} from '../../agent/control/frr-show-protocol.js';
import {familyOf, parsePrefix} from '../../agent/lib/prefix.js';
import type {Exec, ExecResult, IpFamily, Prefix} from '../../agent/types.js';

type Node = 'view' | 'enable' | 'config' | 'router' | 'ipv4' | 'ipv6' | `route-map ${string}`;

interface Vty {
  node: Node;
  /** What comes behind a `configure terminal` that was refused is not understood, and harmless. */
  isShutOut?: boolean;
}

interface Said {
  readonly text: string;
  readonly status: number;
}

const ok: Said = {text: '', status: 0};

export interface FakeVtyOptions {
  readonly dialect: FrrDialect;
  readonly socket: string;
  /** `router bgp`; null: there is none. */
  readonly as?: string | null;
  /** `network` lines of the operator's own configuration, with their route-maps. */
  readonly networks?: readonly string[];
  /** Further lines below `router bgp`, and behind it. */
  readonly extra?: {readonly bgp?: readonly string[]; readonly top?: readonly string[]};
}

export class FakeVty {
  readonly commands: string[] = [];
  readonly unknown: string[] = [];
  readonly lines = new Map<Prefix, string>();
  readonly routeMaps = new Map<string, string[]>();
  /** Refuses commands that match: the pattern → what it says. */
  readonly refusals = new Map<RegExp, string>();
  /** `network import-check` finds no route to these. */
  readonly withoutRoute = new Set<string>();
  /** Originated by something else in its configuration. */
  readonly redistributed = new Set<string>();
  /** A neighbor announces these with a higher weight. */
  readonly preferred = new Set<string>();
  /** Denied by a route-map, so that nothing is originated. */
  readonly denied = new Set<string>();
  /** Neighbors with a session, of each family. */
  established = 1;
  /** Nothing is let out to them. */
  keepsIn = false;
  /** So many looks at a prefix it takes until what was told is in effect. */
  lag = 0;
  as: string | null;
  /** `network` commands that changed something. */
  changes = 0;
  vtyshRuns = 0;
  /** Instead of an answer of vtysh. */
  vtyshFault: Partial<ExecResult> | null = null;
  /** Runs before a command is carried out. */
  onCommand: () => void = () => undefined;
  readonly dialect: FrrDialect;
  readonly socket: string;
  readonly #options: FakeVtyOptions;
  readonly #server: Server;
  readonly #clients = new Map<Socket, {vty: Vty; rest: string}>();
  readonly #settling = new Map<Prefix, {left: number; before: string | undefined}>();
  #isHanging = false;
  #isRunning = false;
  #configuring: Vty | null = null;

  private constructor(options: FakeVtyOptions) {
    this.#options = options;
    this.dialect = options.dialect;
    this.socket = options.socket;
    this.as = options.as === undefined ? '64699' : options.as;
    for (const line of options.networks ?? []) this.lines.set(prefixOf(line), line);
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async start(options: FakeVtyOptions): Promise<FakeVty> {
    const bgpd = new FakeVty(options);
    rmSync(options.socket, {force: true});
    await new Promise<void>((resolve, reject) => {
      bgpd.#server.on('error', reject).listen(options.socket, resolve);
    });
    bgpd.#isRunning = true;
    return bgpd;
  }

  /** Its process ends. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    this.#isRunning = false;
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

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** SIGSTOP, and SIGCONT: what came meanwhile is carried out then, also of connections that are over. */
  hang(): void {
    this.#isHanging = true;
  }

  wake(): void {
    this.#isHanging = false;
    for (const socket of this.#clients.keys()) this.#read(socket, '');
  }

  /** Somebody else enters the configuration, and leaves it. */
  lock(): () => void {
    const other: Vty = {node: 'config'};
    this.#configuring = other;
    return () => {
      if (this.#configuring === other) this.#configuring = null;
    };
  }

  /** Prefixes that it originates, and neighbors get. */
  originated(): readonly Prefix[] {
    const all = new Set([
      ...this.lines.keys(),
      ...this.#settling.keys(),
      ...[...this.redistributed].map(parsePrefix),
    ]);
    return [...all].filter((prefix) => {
      const path = this.#path(prefix);
      return path?.valid && path.best;
    });
  }

  /** An Exec for one program: the vtysh of this bgpd. */
  readonly vtysh: Exec = {
    run: async (argv) => {
      this.vtyshRuns++;
      const result = {signal: null, stderr: '', truncated: false, durationMs: 1};
      const exited = (code: number, stdout: string, stderr = ''): ExecResult => ({
        ...result,
        outcome: 'exited',
        code,
        stdout,
        stderr,
        reason: `exit code ${code}`,
      });
      if (this.vtyshFault) return {...exited(0, ''), ...this.vtyshFault};
      if (!this.#isRunning) return exited(1, '', 'Exiting: failed to connect to any daemons.\n');
      const commands = argv.flatMap((word, i) => (argv[i - 1] === '-c' ? [word] : []));
      if (!argv.includes('-E') || commands.length === 0)
        throw new Error(`vtysh was run as ${argv.join(' ')}`);
      return exited(...this.#runVtysh(commands));
    },
  };

  #runVtysh(commands: readonly string[]): [number, string] {
    const vty: Vty = {node: 'enable'};
    let stdout = '';
    try {
      for (const command of commands) {
        stdout += `vm${promptOf(vty.node)}# ${command}\n`;
        const {text, status} = this.#take(
          vty,
          command.replace(/^show running-config bgpd$/, 'show running-config'),
        );
        stdout += text.replace(/^% \[BGP\] /, '% ');
        if (status !== 0) return [1, stdout];
      }
      return [0, stdout];
    } finally {
      if (this.#configuring === vty) this.#configuring = null;
    }
  }

  #accept(socket: Socket): void {
    this.#clients.set(socket, {vty: {node: 'view'}, rest: ''});
    socket.setEncoding('utf8');
    socket.on('data', (text) => this.#read(socket, String(text)));
    socket.on('close', () => {
      const client = this.#clients.get(socket);
      if (client && this.#configuring === client.vty) this.#configuring = null;
      if (!this.#isHanging) this.#clients.delete(socket);
    });
    socket.on('error', () => undefined);
  }

  #read(socket: Socket, text: string): void {
    const client = this.#clients.get(socket);
    if (!client) return;
    client.rest += text;
    if (this.#isHanging) return;
    const commands = client.rest.split('\0');
    client.rest = commands.pop() ?? '';
    for (const command of commands) {
      const {text: said, status} = this.#take(client.vty, command);
      if (socket.writable) socket.write(`${said}\0\0\0${String.fromCharCode(status)}`);
    }
    if (socket.destroyed) this.#clients.delete(socket);
  }

  #take(vty: Vty, command: string): Said {
    this.commands.push(command);
    this.onCommand();
    for (const [pattern, text] of this.refusals)
      if (pattern.test(command)) return {text: `${text}\n`, status: 13};
    const said = this.#carryOut(vty, command);
    if (said) return said;
    if (!vty.isShutOut) this.unknown.push(`${command} (${vty.node})`);
    const name = this.dialect === 'frr' ? `% [BGP] Unknown command: ${command}` : '% Unknown command.';
    return {text: `${name}\n`, status: 2};
  }

  #carryOut(vty: Vty, command: string): Said | null {
    if (command === 'enable' && vty.node === 'view') return enter(vty, 'enable');
    if (command === 'show version') {
      const name = this.dialect === 'frr' ? 'FRRouting 8.4.4 (vm) on Linux(6.1).' : 'Quagga 1.2.4 ().';
      return {text: `${name}\nCopyright 1996-2005 Kunihiro Ishiguro, et al.\n`, status: 0};
    }
    if (vty.node === 'view') return null;
    if (command === 'exit' && vty.node === 'enable') throw new Error('`exit` would end the connection');
    if (vty.node === 'enable') return this.#inEnable(vty, command);
    if (command === 'end') {
      if (this.#configuring === vty) this.#configuring = null;
      return enter(vty, 'enable');
    }
    return this.#configure(vty, command);
  }

  #inEnable(vty: Vty, command: string): Said | null {
    if (command === 'configure terminal') {
      vty.isShutOut = this.#configuring !== null && this.dialect === 'quagga';
      if (vty.isShutOut) {
        return {text: 'VTY configuration is locked by other VTY\n', status: 1};
      }
      this.#configuring = vty;
      return enter(vty, 'config');
    }
    if (command === 'show running-config') return {text: this.running(), status: 0};
    return this.#show(command);
  }

  #configure(vty: Vty, command: string): Said | null {
    if (vty.node.startsWith('route-map ')) {
      const said = this.#inRouteMap(vty.node.slice('route-map '.length), command);
      if (said) return said;
      // What a node does not understand is tried in the one around it.
      vty.node = 'config';
    }
    const {node} = vty;
    if (node === 'ipv4' || node === 'ipv6') {
      if (command === 'exit-address-family') return enter(vty, 'router');
      return this.#network(node, command);
    }
    if (node === 'router') {
      const [, family] = (this.dialect === 'frr'
        ? /^address-family (ipv[46]) unicast$/
        : /^address-family (ipv6)$/
      ).exec(command) ?? [null, null];
      if (family) return enter(vty, family as IpFamily);
      return this.#network('ipv4', command);
    }
    const [, as] = /^router bgp (\S+)$/.exec(command) ?? [];
    if (as !== undefined) {
      if (this.as === as) return enter(vty, 'router');
      // Would make an instance where there is none: nobody asked eip-health for that.
      if (this.as !== null) return {text: `BGP is already running; AS is ${this.as}\n`, status: 13};
      return null;
    }
    const [, no, name, rule] = /^(no )?route-map (EIP-HEALTH-\S+)( permit 10)?$/.exec(command) ?? [];
    if (name === undefined || (no === undefined) !== (rule !== undefined)) return null;
    if (no !== undefined) {
      this.routeMaps.delete(name);
      return ok;
    }
    if (!this.routeMaps.has(name)) this.routeMaps.set(name, []);
    return enter(vty, `route-map ${name}`);
  }

  #inRouteMap(name: string, command: string): Said | null {
    const forms = [
      /^set as-path prepend( \d+)+$/,
      /^set community( \d+:\d+)+$/,
      /^set ip next-hop [\d.]+$/,
      /^set ipv6 next-hop global [\da-f:]+$/,
      /^set local-preference \d+$/,
      /^set metric \d+$/,
      ...(this.dialect === 'frr' ? [/^set large-community( \d+:\d+:\d+)+$/] : []),
    ];
    if (!forms.some((form) => form.test(command))) {
      if (/^set large-community /.test(command)) return {text: '% Unknown command.\n', status: 2};
      return null;
    }
    // Names, and an order of its own.
    const shown = command.replace('65535:65281', 'no-export').split(' ');
    if (/^set community/.test(command)) shown.splice(2, shown.length, ...shown.slice(2).reverse());
    this.routeMaps.get(name)?.push(shown.join(' '));
    return ok;
  }

  #network(family: IpFamily, command: string): Said | null {
    const [, no, text] = /^(no )?(network .+)$/.exec(command) ?? [];
    if (text === undefined) return null;
    const prefix = prefixOf(text);
    if (familyOf(prefix) !== family) return null;
    const before = this.lines.get(prefix);
    if (no === undefined) {
      const isKnown = before?.includes(' label-index') || before?.includes(' backdoor');
      if (isKnown && before !== text) return {text: '% Label index cannot be changed\n', status: 13};
      if (before !== text) this.#change(prefix, text);
      return ok;
    }
    if (before === undefined) return {text: "% Can't find static route specified\n", status: 13};
    const named = mapOf(text);
    if (this.dialect === 'frr' && named !== null && named !== mapOf(before)) {
      return {text: "% route-map name doesn't match static route\n", status: 13};
    }
    this.#change(prefix, null);
    return ok;
  }

  #change(prefix: Prefix, text: string | null): void {
    this.changes++;
    if (this.lag > 0) this.#settling.set(prefix, {left: this.lag, before: this.lines.get(prefix)});
    if (text === null) this.lines.delete(prefix);
    else this.lines.set(prefix, text);
  }

  running(): string {
    const lines = (family: IpFamily, indent: string) =>
      [...this.lines].filter(([prefix]) => familyOf(prefix) === family).map(([, line]) => `${indent}${line}`);
    const isFrr = this.dialect === 'frr';
    const bgp = [
      `router bgp ${this.as}`,
      ' bgp router-id 10.0.0.1',
      ...(this.#options.extra?.bgp ?? []).map((line) => ` ${line}`),
      ...(isFrr ? [' !', ' address-family ipv4 unicast'] : []),
      ...lines('ipv4', isFrr ? '  ' : ' '),
      ...(isFrr ? [' exit-address-family'] : []),
      ...(isFrr ? [' !', ' address-family ipv6 unicast'] : ['!', ' address-family ipv6']),
      ...lines('ipv6', isFrr ? '  ' : ' '),
      ' exit-address-family',
      ...(isFrr ? ['exit'] : []),
      '!',
    ];
    const maps = [...this.routeMaps].flatMap(([name, sets]) => [
      `route-map ${name} permit 10`,
      ...[...sets].reverse().map((line) => ` ${line}`),
      ...(isFrr ? ['exit'] : []),
      '!',
    ]);
    return [
      ...(isFrr ? ['frr version 8.4.4', 'frr defaults traditional'] : ['!', 'Current configuration:']),
      '!',
      ...(this.as === null ? [] : bgp),
      ...maps,
      ...(this.#options.extra?.top ?? []),
      'end',
      '',
    ].join('\n');
  }

  #show(command: string): Said | null {
    const isFrr = this.dialect === 'frr';
    const summary = isFrr ? /^show bgp ipv[46] unicast summary json$/ : /^show (ip )?bgp summary$/;
    if (summary.test(command)) return {text: isFrr ? this.#jsonSummary() : this.#textSummary(), status: 0};
    const form = isFrr ? /^show bgp (ipv[46]) unicast (\S+) json$/ : /^show (ip )?bgp (\S+)$/;
    const [, family, network] = form.exec(command) ?? [];
    if (network === undefined) return null;
    const prefix = parsePrefix(network);
    const isFour = familyOf(prefix) === 'ipv4';
    if (isFrr ? family !== familyOf(prefix) : (family === 'ip ') !== isFour) return null;
    if (this.as === null) {
      const said = isFrr
        ? '{\n  "warning":"Default BGP instance not found"\n}\n'
        : '% No BGP process is configured\n';
      return {text: said, status: 1};
    }
    const path = this.#path(prefix);
    this.#settle(prefix);
    return isFrr ? jsonPath(prefix, path) : textPath(prefix, path);
  }

  #settle(prefix: Prefix): void {
    const settling = this.#settling.get(prefix);
    if (settling && --settling.left <= 0) this.#settling.delete(prefix);
  }

  #path(prefix: Prefix): Path | null {
    const settling = this.#settling.get(prefix);
    const line = settling ? settling.before : this.lines.get(prefix);
    const map = line === undefined ? null : mapOf(line);
    const isDenied = this.denied.has(prefix) || (map?.startsWith('EIP-HEALTH-') && !this.routeMaps.has(map));
    const isLocal = line !== undefined && !isDenied && !line.includes('backdoor');
    const isRedistributed = this.redistributed.has(prefix);
    if (!isLocal && !isRedistributed)
      return this.preferred.has(prefix) ? {isForeign: true, ...good, own: false} : null;
    const valid = isRedistributed || !this.withoutRoute.has(prefix);
    const best = valid && !this.preferred.has(prefix);
    return {
      own: true,
      isForeign: this.preferred.has(prefix),
      valid,
      best,
      out: best && this.established > 0 && !this.keepsIn,
    };
  }

  #jsonSummary(): string {
    const peers = Object.fromEntries(
      Array.from({length: this.established + 1}, (_, i) => [
        `10.0.0.${i + 2}`,
        {remoteAs: 65000, state: i < this.established ? 'Established' : 'Active'},
      ]),
    );
    return `${JSON.stringify({routerId: '10.0.0.1', peers}, null, 2)}\n`;
  }

  #textSummary(): string {
    const rows = Array.from({length: this.established + 1}, (_, i) => {
      const [since, state] = i < this.established ? ['00:01:07', '12'] : ['never', 'Active'];
      return `10.0.0.${i + 2}        4 65000      12      14        0    0    0 ${since}    ${state}`;
    });
    const head = 'Neighbor        V    AS MsgRcvd MsgSent   TblVer  InQ OutQ Up/Down  State/PfxRcd';
    return `BGP router identifier 10.0.0.1, local AS number 64699\n\n${[head, ...rows].join('\n')}\n\nTotal number of neighbors 2\n`;
  }
}

interface Path {
  readonly own: boolean;
  readonly isForeign: boolean;
  readonly valid: boolean;
  readonly best: boolean;
  readonly out: boolean;
}

const good = {valid: true, best: true, out: true};

function jsonPath(prefix: Prefix, path: Path | null): Said {
  if (!path) return {text: '{\n}\n', status: 0};
  const own = {
    origin: 'IGP',
    weight: 32768,
    valid: path.valid,
    sourced: true,
    local: true,
    ...(path.best ? {bestpath: {overall: true}} : {}),
    nexthops: [{ip: '0.0.0.0', accessible: path.valid}],
  };
  const foreign = {
    origin: 'IGP',
    weight: 40000,
    valid: true,
    bestpath: {overall: true},
    peer: {peerId: '10.0.0.2'},
  };
  const answer = {
    prefix,
    paths: [...(path.isForeign ? [foreign] : []), ...(path.own ? [own] : [])],
    ...(path.out ? {advertisedTo: {'10.0.0.2': {hostname: 'r1'}}} : {}),
  };
  return {text: `${JSON.stringify(answer, null, 2)}\n`, status: 0};
}

function textPath(prefix: Prefix, path: Path | null): Said {
  if (!path) return {text: '% Network not in table\n', status: 1};
  const own = [
    '  Local',
    `    0.0.0.0${path.valid ? '' : ' (inaccessible)'} from 0.0.0.0 (10.0.0.1)`,
    `      Origin IGP, metric 0, localpref 100, weight 32768${path.valid ? ', valid' : ''}, sourced, local${path.best ? ', best' : ''}`,
    '      Last update: Thu Jan  1 00:00:00 2026',
    '',
  ];
  const foreign = [
    '  65000',
    '    10.0.0.2 from 10.0.0.2 (10.0.0.2)',
    '      Origin IGP, metric 0, localpref 100, weight 40000, valid, external, best',
    '      Last update: Thu Jan  1 00:00:00 2026',
    '',
  ];
  const text = [
    `BGP routing table entry for ${prefix}`,
    `Paths: (${Number(path.own) + Number(path.isForeign)} available, table Default-IP-Routing-Table)`,
    ...(path.out
      ? ['  Advertised to non peer-group peers:', '  10.0.0.2']
      : ['  Not advertised to any peer']),
    ...(path.isForeign ? foreign : []),
    ...(path.own ? own : []),
    '',
  ];
  return {text: text.join('\n'), status: 0};
}

function enter(vty: Vty, node: Node): Said {
  vty.node = node;
  return ok;
}

function promptOf(node: Node): string {
  if (node === 'view' || node === 'enable') return '';
  if (node === 'config') return '(config)';
  return node.startsWith('route-map')
    ? '(config-route-map)'
    : `(config-router${node === 'router' ? '' : '-af'})`;
}

function prefixOf(line: string): Prefix {
  return parsePrefix(line.split(' ')[1] ?? '');
}

function mapOf(line: string): string | null {
  return / route-map (\S+)/.exec(line)?.[1] ?? null;
}

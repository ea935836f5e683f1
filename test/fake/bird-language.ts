/** As much of BIRD's configuration language as our files use, and strict about it: what BIRD refuses is refused. */

import {familyOf, parsePrefix} from '../../agent/lib/prefix.js';
import type {IpFamily, Prefix} from '../../agent/types.js';

/** A text that the daemon of this version refuses; `line` counts from 1. */
export class SyntaxFault extends Error {
  constructor(
    message: string,
    readonly line: number,
  ) {
    super(message);
  }
}

export interface Dialect {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** BIRD 1.6 has one. */
  readonly families: readonly IpFamily[];
}

/** `1.6.8`, `2.0.12`, `2.14` … */
export function dialectOf(version: string, family: IpFamily = 'ipv4'): Dialect {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return {major, minor, patch, families: major === 1 ? [family] : ['ipv4', 'ipv6']};
}

function isAtLeast({major, minor, patch}: Dialect, wanted: readonly [number, number, number]): boolean {
  const [a, b, c] = wanted;
  return major > a || (major === a && (minor > b || (minor === b && patch >= c)));
}

interface Token {
  readonly text: string;
  readonly line: number;
}

const tokens =
  /\s+|#[^\n]*|(\/\*[\s\S]*?\*\/)|[0-9a-fA-F:.]+\/\d+|[A-Za-z_][A-Za-z0-9_]*|\d+|->|\|\||[[\](){};,.=~]|./g;

class Reader {
  readonly #tokens: Token[] = [];
  #next = 0;

  constructor(
    text: string,
    readonly dialect: Dialect,
  ) {
    let line = 1;
    for (const [token] of text.matchAll(tokens)) {
      if (!/^(\s|#|\/\*)/.test(token)) this.#tokens.push({text: token, line});
      line += token.split('\n').length - 1;
    }
  }

  get isAtEnd(): boolean {
    return this.#next >= this.#tokens.length;
  }

  peek(): string {
    return this.#tokens[this.#next]?.text ?? '';
  }

  take(): string {
    const token = this.peek();
    this.#next++;
    return token;
  }

  expect(...wanted: string[]): void {
    for (const text of wanted) if (this.take() !== text) this.fail(`syntax error, expecting '${text}'`);
  }

  prefix(): Prefix {
    const text = this.take();
    if (!text.includes('/')) this.fail('syntax error, expecting IP4 or IP6');
    const prefix = parsePrefix(text);
    if (!this.dialect.families.includes(familyOf(prefix))) this.fail('IP address of the other family');
    return prefix;
  }

  /** `[ 10.0.0.0/8, … ]` */
  set(): readonly Prefix[] {
    this.expect('[');
    if (this.peek() === ']' && isAtLeast(this.dialect, [2, 0, 11])) {
      this.take();
      return [];
    }
    const prefixes = [this.prefix()];
    while (this.peek() === ',') {
      this.take();
      prefixes.push(this.prefix());
    }
    this.expect(']');
    if (new Set(prefixes.map(familyOf)).size > 1) this.fail('Mixed IPv4/IPv6 prefixes in prefix set');
    return prefixes;
  }

  fail(message: string): never {
    const {line} = this.#tokens[this.#next - 1] ?? {line: 1};
    throw new SyntaxFault(message, line);
  }
}

/** `define NAME = [ … ];` of a file, by name. */
export function readDefines(text: string, dialect: Dialect): ReadonlyMap<string, readonly Prefix[]> {
  const reader = new Reader(text, dialect);
  const defined = new Map<string, readonly Prefix[]>();
  while (!reader.isAtEnd) {
    reader.expect('define');
    const name = reader.take();
    if (defined.has(name)) reader.fail(`Symbol '${name}' already defined`);
    reader.expect('=');
    if (reader.peek() === 'false') {
      reader.take();
      defined.set(name, []);
    } else defined.set(name, reader.set());
    reader.expect(';');
  }
  return defined;
}

/** `function NAME() -> bool { return net ~ [ … ]; }` of a file, by name. */
export function readFunctions(text: string, dialect: Dialect): ReadonlyMap<string, readonly Prefix[]> {
  const reader = new Reader(text, dialect);
  const defined = new Map<string, readonly Prefix[]>();
  while (!reader.isAtEnd) {
    reader.expect('function');
    const name = reader.take();
    reader.expect('(', ')');
    if (reader.peek() === '->') {
      if (!isAtLeast(dialect, [2, 14, 0])) {
        reader.take();
        reader.fail("syntax error, unexpected '-'");
      }
      reader.expect('->', 'bool');
    }
    reader.expect('{', 'return');
    const prefixes: Prefix[] = [];
    if (reader.peek() === 'false') reader.take();
    else {
      do {
        if (reader.peek() === '||') reader.take();
        reader.expect('net', '~');
        prefixes.push(...reader.set());
      } while (reader.peek() === '||');
    }
    reader.expect(';', '}');
    defined.set(name, prefixes);
  }
  return defined;
}

const statement =
  /^(?:bgp_med = \d+|bgp_local_pref = \d+|bgp_community\.add\(\(\d+,\d+\)\)|bgp_large_community\.add\(\(\d+,\d+,\d+\)\)|bgp_path\.prepend\(\d+\))$/;

/** `route … unreachable { … };` lines within a `protocol static` of one family: prefix → its statements. */
export function readStatics(
  text: string,
  dialect: Dialect,
  family: IpFamily,
): ReadonlyMap<Prefix, readonly string[]> {
  const routes = new Map<Prefix, readonly string[]>();
  text.split('\n').forEach((line, i) => {
    if (line === '' || line.startsWith('#')) return;
    const [, prefix = '', block = ''] = /^route (\S+) unreachable(?: \{ (.*;) \})?;$/.exec(line) ?? [];
    if (prefix === '') throw new SyntaxFault('syntax error, unexpected CF_SYM_UNDEFINED', i + 1);
    const statements = block.split(';').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
    const wrong = statements.find((part) => !statement.test(part));
    if (wrong !== undefined) throw new SyntaxFault(`syntax error at ${wrong}`, i + 1);
    const network = parsePrefix(prefix);
    if (familyOf(network) !== family || !dialect.families.includes(family)) {
      throw new SyntaxFault(`Incompatible network type ${prefix}`, i + 1);
    }
    routes.set(network, statements);
  });
  return routes;
}

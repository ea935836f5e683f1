/**
 * The IPVS table as text: `/proc/net/ip_vs` (Linux net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_info_seq_show) and
 * `ipvsadm -Ln` (ipvsadm.c, print_service_entry). Both look alike and differ in what their numbers mean, so that
 * each has a reader of its own. Pure; never throws.
 */

import {addressFromBytes, familyOf, parseAddress} from '../lib/prefix.js';
import type {IpAddress, IpFamily} from '../types.js';

/** A realserver behind a virtual service. */
export interface IpvsServer {
  readonly address: IpAddress;
  readonly port: number;
  /** `Route`, `Tunnel`, `Masq`, `Local` …, as the kernel names the forwarding method. */
  readonly forward: string;
  /** 0: gets no new connections. */
  readonly weight: number;
  readonly activeConnections: number;
  readonly inactiveConnections: number;
}

interface ServiceBase {
  readonly scheduler: string;
  readonly servers: readonly IpvsServer[];
  /** Server lines below this service that could not be read, as they stood. */
  readonly unreadable: readonly string[];
}

/** A virtual service: an address with a port, or a firewall mark. */
export type IpvsService = ServiceBase &
  (
    | {
        readonly kind: 'address';
        /** Lower case; `tcp`, `udp`, `sctp`, and whatever else the kernel may name. */
        readonly protocol: string;
        readonly address: IpAddress;
        /** 0: every port. */
        readonly port: number;
      }
    /** `family` is null where the text does not tell: `/proc` with no or with mixed destinations. */
    | {readonly kind: 'fwmark'; readonly mark: number; readonly family: IpFamily | null}
  );

export type IpvsTable =
  | {
      readonly ok: true;
      readonly services: readonly IpvsService[];
      /** Lines that may have been services but could not be read; their servers are credited to nobody. */
      readonly unreadable: readonly string[];
    }
  /** `reason` says what was seen instead of a table. */
  | {readonly ok: false; readonly reason: string};

/** How one of the two texts writes its addresses and firewall marks. */
interface Dialect {
  endpoint(text: string): {address: IpAddress; port: number} | null;
  /** The mark, the family where it is told, and how many words behind `FWM` were used. */
  mark(words: readonly string[]): {mark: number; family: IpFamily | null; used: number} | null;
}

/** Reads `/proc/net/ip_vs`: addresses, ports and marks in hex, marks without a family. */
export function parseProcIpVs(text: string): IpvsTable {
  return parse(text, procDialect);
}

/** Reads the output of `ipvsadm -Ln`: addresses as people write them, marks in decimal. */
export function parseIpvsadm(text: string): IpvsTable {
  return parse(text, ipvsadmDialect);
}

const procEndpoint = /^(?:([0-9A-F]{8})|\[((?:[0-9a-f]{4}:){7}[0-9a-f]{4})\]):([0-9A-F]{4})$/i;
const ipvsadmEndpoint = /^(?:([\d.]+)|\[([0-9a-f:.]+)\]):(\d{1,5})$/i;

const procDialect: Dialect = {
  // IPv4 is printed as `%08X`, IPv6 as `%pI6`: eight full groups.
  endpoint(text) {
    const match = procEndpoint.exec(text);
    if (!match) return null;
    const address = match[1]
      ? addressFromBytes('ipv4', Buffer.from(match[1], 'hex'))
      : addressFromBytes('ipv6', Buffer.from((match[2] ?? '').replaceAll(':', ''), 'hex'));
    return {address, port: Number.parseInt(match[3] ?? '', 16)};
  },
  mark([word = '']) {
    if (!/^[0-9A-F]{1,8}$/i.test(word)) return null;
    return {mark: Number.parseInt(word, 16), family: null, used: 1};
  },
};

const ipvsadmDialect: Dialect = {
  endpoint(text) {
    const match = ipvsadmEndpoint.exec(text);
    const port = Number(match?.[3]);
    if (!match || port > 0xffff) return null;
    try {
      return {address: parseAddress(match[1] ?? match[2] ?? ''), port};
    } catch {
      return null;
    }
  },
  mark([word = '', next]) {
    if (!/^\d{1,10}$/.test(word) || Number(word) > 0xffffffff) return null;
    const isIpv6 = next === 'IPv6';
    return {mark: Number(word), family: isIpv6 ? 'ipv6' : 'ipv4', used: isIpv6 ? 2 : 1};
  },
};

const serverLine = /^\s*->\s+(\S+)\s+([A-Za-z]+)\s+(-?\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*$/;

// `ipvsadm --stats`, `--rate` and others print other columns below the same service lines: no weights to read.
const titleColumns: Readonly<Record<string, string>> = {
  'Prot LocalAddress:Port': 'Scheduler Flags',
  '-> RemoteAddress:Port': 'Forward Weight ActiveConn InActConn',
};

type Draft = {-readonly [Key in keyof ServiceBase]: ServiceBase[Key]} & {
  servers: IpvsServer[];
  unreadable: string[];
  head:
    | {kind: 'address'; protocol: string; address: IpAddress; port: number}
    | {kind: 'fwmark'; mark: number; family: IpFamily | null}
    | null;
};

function parse(text: string, dialect: Dialect): IpvsTable {
  const drafts: Draft[] = [];
  const unreadable: string[] = [];
  let sawTitle = false;
  for (const line of text.split('\n')) {
    // Server lines are by far the most; the other kinds can afford to be split into words.
    const server = serverLine.exec(line);
    if (server) {
      const current = drafts.at(-1);
      if (!current) return {ok: false, reason: `a server stands before any service: "${shown(line)}"`};
      const parsed = parseServer(server, dialect);
      if (parsed) current.servers.push(parsed);
      else current.unreadable.push(shown(line));
      continue;
    }
    const words = line.split(/\s+/).filter((word) => word !== '');
    const wrongColumns = titleFault(words);
    if (wrongColumns !== null) return {ok: false, reason: wrongColumns};
    if (words.length === 0) continue;
    if (isTitle(words)) {
      sawTitle = true;
    } else if (words[0] === '->') {
      drafts.at(-1)?.unreadable.push(shown(line));
    } else {
      const draft = parseService(words, dialect);
      // Also a line that cannot be read begins a service: what stands below it must not count for the one above.
      if (draft.head === null) unreadable.push(shown(line));
      drafts.push(draft);
    }
  }
  const services = drafts.flatMap(finished);
  if (!sawTitle && services.length === 0) {
    const seen = shown(text);
    return {ok: false, reason: seen === '' ? 'it is empty' : `it begins with "${seen}"`};
  }
  return {ok: true, services, unreadable};
}

function isTitle(words: readonly string[]): boolean {
  const begin = words.slice(0, 2).join(' ');
  return begin === 'IP Virtual' || begin in titleColumns;
}

/** What is wrong with the columns that a title line names, or null. */
function titleFault(words: readonly string[]): string | null {
  const right = titleColumns[words.slice(0, 2).join(' ')];
  const columns = words.slice(2).join(' ');
  if (right === undefined || columns === right) return null;
  return `its columns are "${shown(columns)}", not "${right}"`;
}

function parseService(words: readonly string[], dialect: Dialect): Draft {
  const [protocol = '', ...rest] = words;
  const draft: Draft = {head: null, scheduler: '', servers: [], unreadable: []};
  if (protocol === 'FWM') {
    const mark = dialect.mark(rest);
    if (mark) {
      draft.head = {kind: 'fwmark', mark: mark.mark, family: mark.family};
      draft.scheduler = rest[mark.used] ?? '';
    }
  } else if (/^[A-Z][A-Z0-9_-]*$/.test(protocol)) {
    const endpoint = dialect.endpoint(rest[0] ?? '');
    if (endpoint) {
      draft.head = {kind: 'address', protocol: protocol.toLowerCase(), ...endpoint};
      draft.scheduler = rest[1] ?? '';
    }
  }
  return draft;
}

function parseServer(match: RegExpExecArray, dialect: Dialect): IpvsServer | null {
  const endpoint = dialect.endpoint(match[1] ?? '');
  if (!endpoint) return null;
  // Each key written out: a spread makes the whole parser four times slower.
  return {
    address: endpoint.address,
    port: endpoint.port,
    forward: match[2] ?? '',
    weight: Number(match[3]),
    activeConnections: Number(match[4]),
    inactiveConnections: Number(match[5]),
  };
}

function finished({head, scheduler, servers, unreadable}: Draft): IpvsService[] {
  if (head === null) return [];
  if (head.kind === 'address') return [{...head, scheduler, servers, unreadable}];
  return [{...head, family: head.family ?? familyOfAll(servers), scheduler, servers, unreadable}];
}

/** The one family of all destinations; null where there are none, or both (mixed-family tunnels). */
function familyOfAll(servers: readonly IpvsServer[]): IpFamily | null {
  const families = new Set(servers.map((server) => familyOf(server.address)));
  const [family = null] = families;
  return families.size === 1 ? family : null;
}

/** A piece of foreign text, short and harmless enough for one line of an error. */
function shown(text: string): string {
  const line = text.replace(/[^\x21-\x7e]+/g, ' ').trim();
  return line.length > 80 ? `${line.slice(0, 80)}…` : line;
}

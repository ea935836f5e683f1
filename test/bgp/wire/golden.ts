/** Reads the documents in test/golden/bgp: prose, a message in hex with comments, and what it means in JSON. */

import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {AttributeContext} from '../../../agent/bgp/wire/attribute-rows.js';
import {decodeMessage, encodeSimple} from '../../../agent/bgp/wire/codec.js';
import {describeFault, toNotification, type WireFault} from '../../../agent/bgp/wire/fault.js';
import {Framer} from '../../../agent/bgp/wire/frame.js';
import type {Message, PathAttribute} from '../../../agent/bgp/wire/message.js';
import {describeNotification, encodeNotification} from '../../../agent/bgp/wire/notification.js';
import {encodeUpdate} from '../../../agent/bgp/wire/update.js';
import {familyOf} from '../../../agent/lib/prefix.js';
import type {Prefix} from '../../../agent/types.js';
import {root} from '../../root.js';

const folder = join(root, 'test/golden/bgp');

export interface GoldenCase {
  readonly file: string;
  readonly title: string;
  readonly bytes: Uint8Array;
  readonly context: AttributeContext;
  /** A form that we understand, but do not write ourselves. */
  readonly receivedOnly: boolean;
  readonly expected: unknown;
}

/** Every case of every document; throws for a section that is not one, so that none is lost in silence. */
export function goldenCases(): GoldenCase[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.md'));
  return files.sort().flatMap((file) => {
    const [, ...sections] = readFileSync(join(folder, file), 'utf8').split(/^## /m);
    if (sections.length === 0) throw new Error(`${file} has no case`);
    return sections.map((section) => readCase(file, section));
  });
}

function readCase(file: string, section: string): GoldenCase {
  const title = section.slice(0, section.indexOf('\n'));
  const blocks = [...section.matchAll(/^```(\w+)(.*)\n([\s\S]*?)^```$/gm)];
  const [hex, json, more] = blocks;
  if (hex?.[1] !== 'hex' || json?.[1] !== 'json' || more) {
    throw new Error(`${file}, "${title}": one block of hex and one of JSON are needed`);
  }
  const words = new Set(hex[2]?.split(' ').filter((word) => word !== ''));
  const flag = (word: string) => words.delete(word);
  const found = {
    file,
    title,
    bytes: fromHex((hex[3] ?? '').replace(/#.*$/gm, '').replace(/\s/g, '')),
    context: {fourOctetAs: !flag('2-octet'), external: !flag('internal'), loopback: flag('loopback')},
    receivedOnly: flag('received'),
    expected: JSON.parse(json[3] ?? ''),
  };
  if (words.size > 0) throw new Error(`${file}, "${title}": unknown word ${[...words]}`);
  return found;
}

/** What comes of bytes that arrive in these pieces, as the documents' JSON shows it; null while there is no message. */
export function receive(pieces: readonly Uint8Array[], context: AttributeContext): unknown[] {
  const framer = new Framer();
  const seen: unknown[] = [];
  for (const piece of pieces) {
    framer.push(piece);
    for (;;) {
      const answer = framer.next();
      if (answer.kind === 'more') break;
      if (answer.kind === 'fault') return [...seen, faultJson(answer.fault)];
      const decoded = decodeMessage(answer, context);
      seen.push(decoded.ok ? messageJson(decoded.message) : faultJson(decoded.fault));
    }
  }
  return seen;
}

/** The message that the documents' JSON describes, as we write it. */
export function encodeJson(json: unknown, context: AttributeContext): Uint8Array {
  const message = revived(json) as Exclude<Message, {type: 'update'}> | UpdateJson;
  if (message.type !== 'update') return encodeSimple(message);
  const classic = (prefix: Prefix) => familyOf(prefix) === 'ipv4';
  return encodeUpdate(
    {
      withdrawn: message.withdrawn.filter(classic),
      attributes: message.attributes,
      announced: message.announced.map(({prefix}) => prefix).filter(classic),
    },
    context,
  );
}

interface UpdateJson {
  readonly type: 'update';
  readonly attributes: readonly PathAttribute[];
  readonly announced: readonly {readonly prefix: Prefix}[];
  readonly withdrawn: readonly Prefix[];
}

function messageJson(message: Message): unknown {
  if (message.type === 'notification') return plain({...message, says: describeNotification(message)});
  if (message.type !== 'update') return plain(message);
  const {announced, withdrawn, prefixes, ...rest} = message;
  const decoded = prefixes();
  const ofFamily = (list: readonly Prefix[], family: string) =>
    list.filter((p) => familyOf(p) === family).length;
  for (const family of ['ipv4', 'ipv6'] as const) {
    const told = [announced[family], withdrawn[family]];
    const found = [
      ofFamily(
        decoded.announced.map(({prefix}) => prefix),
        family,
      ),
      ofFamily(decoded.withdrawn, family),
    ];
    if (String(told) !== String(found)) throw new Error(`${family}: counted ${told}, decoded ${found}`);
  }
  return plain({...rest, ...decoded});
}

function faultJson(fault: WireFault): unknown {
  const notification = toNotification(fault);
  return {
    fault: describeFault(fault),
    notification: toHex(encodeNotification(notification).subarray(19)),
    says: describeNotification(notification),
  };
}

/** Octets become hex. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, item) => (item instanceof Uint8Array ? toHex(item) : item)));
}

/** The fields that are octets in a message, and hex in JSON. */
const octetFields = new Set(['data', 'nextHop', 'nlri', 'value']);

function revived(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json), (key, item) =>
    octetFields.has(key) && typeof item === 'string' && /^([0-9a-f]{2})*$/.test(item) ? fromHex(item) : item,
  );
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function fromHex(hex: string): Uint8Array {
  const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
  if (bytes.length * 2 !== hex.length) throw new Error(`no hex: ${hex}`);
  return bytes;
}

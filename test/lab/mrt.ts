/** MRT dumps (RFC 6396): BGP messages as a router received them, byte by byte. */

const headerLength = 12;
const bgp4mp = 16;
/** Subtype → octets of an AS number. */
const asLengths: ReadonlyMap<number, number> = new Map([
  [1, 2], // BGP4MP_MESSAGE
  [4, 4], // BGP4MP_MESSAGE_AS4
]);

/** The BGP messages in a dump, headers included; other records are left out. */
export function mrtMessages(dump: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + headerLength <= dump.length; ) {
    const length = dump.readUInt32BE(at + 8);
    const body = dump.subarray(at + headerLength, at + headerLength + length);
    const asLength = asLengths.get(dump.readUInt16BE(at + 6));
    if (dump.readUInt16BE(at + 4) === bgp4mp && asLength !== undefined) {
      // Two AS numbers, an interface index, an address family, two addresses.
      const isIpv4 = body.readUInt16BE(2 * asLength + 2) === 1;
      messages.push(body.subarray(2 * asLength + 4 + 2 * (isIpv4 ? 4 : 16)));
    }
    at += headerLength + length;
  }
  return messages;
}

/** The type codes of the path attributes in an UPDATE (RFC 4271 §4.3), as they came; none for other messages. */
export function attributeCodes(message: Buffer): number[] {
  const update = 2;
  if (message[18] !== update) return [];
  const start = 21 + message.readUInt16BE(19);
  const end = start + 2 + message.readUInt16BE(start);
  const codes: number[] = [];
  for (let at = start + 2; at < end; ) {
    const isExtended = ((message[at] ?? 0) & 0x10) !== 0;
    codes.push(message[at + 1] ?? 0);
    at += isExtended ? 4 + message.readUInt16BE(at + 2) : 3 + (message[at + 2] ?? 0);
  }
  return codes;
}

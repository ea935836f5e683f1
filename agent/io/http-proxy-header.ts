/** The PROXY protocol header (haproxy.org, proxy-protocol.txt, version 2024), sent before everything else. */

import type {Socket} from 'node:net';
import {bytesOf, parseAddress} from '../lib/prefix.js';

interface Side {
  readonly address: string;
  readonly port: number;
}

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const versionAndProxy = 0x21;
const tcpOver = {ipv4: 0x11, ipv6: 0x21};

/** The header that tells the two ends of a connected socket, as curl's `--haproxy-protocol` does. */
export function proxyHeaderOf(socket: Socket, version: 1 | 2): Buffer {
  return proxyHeader(
    version,
    {address: plain(socket.localAddress), port: socket.localPort ?? 0},
    {address: plain(socket.remoteAddress), port: socket.remotePort ?? 0},
  );
}

/** Both addresses are of one family, without zones. */
export function proxyHeader(version: 1 | 2, source: Side, destination: Side): Buffer {
  const isIpv6 = source.address.includes(':');
  if (version === 1) {
    const [family, ...rest] = [
      isIpv6 ? 'TCP6' : 'TCP4',
      source.address,
      destination.address,
      source.port,
      destination.port,
    ];
    return Buffer.from(`PROXY ${family} ${rest.join(' ')}\r\n`);
  }
  const addresses = Buffer.concat([
    bytesOf(parseAddress(source.address)),
    bytesOf(parseAddress(destination.address)),
    uint16(source.port),
    uint16(destination.port),
  ]);
  return Buffer.concat([
    signature,
    Buffer.from([versionAndProxy, isIpv6 ? tcpOver.ipv6 : tcpOver.ipv4]),
    uint16(addresses.length),
    addresses,
  ]);
}

/** Without zone (`fe80::1%eth0`), and IPv4 as itself where a socket of both families shows it mapped. */
function plain(address = ''): string {
  return address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

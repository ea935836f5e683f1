/** Opening TCP and TLS connections: what HTTP and plain streams have in common. */

import net from 'node:net';
import tls from 'node:tls';
import type {IpFamily, TlsOptions} from '../types.js';
import {lookupShared} from './lookup.js';

export interface Endpoint {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Connect here instead of to what `host` resolves to. */
  readonly connectIp?: string | undefined;
  readonly sourceAddress?: string | undefined;
  readonly ipFamily?: IpFamily | undefined;
}

/** A TCP connection on its way. */
export function connectTcp(endpoint: Endpoint): net.Socket {
  return net.connect(tcpOptions(endpoint));
}

/**
 * A TLS connection on its way, over `socket` or a new TCP connection. The certificate is verified for
 * `tlsOptions.serverName`, else `name`. Throws for a certificate or key that cannot be loaded.
 */
export function connectTls(
  endpoint: Endpoint,
  tlsOptions: TlsOptions,
  name: string,
  {socket, alpn}: {readonly socket?: net.Socket; readonly alpn?: readonly string[]} = {},
): tls.TLSSocket {
  const verified = tlsOptions.serverName ?? name;
  return tls.connect({
    ...(socket ? {socket} : tcpOptions(endpoint)),
    secureContext: contextOf(tlsOptions),
    ...(alpn ? {ALPNProtocols: [...alpn]} : {}),
    // RFC 6066 §3: no addresses in SNI.
    servername: net.isIP(verified) === 0 ? verified : '',
    rejectUnauthorized: tlsOptions.rejectUnauthorized,
    // Node would verify the name it connects to, which connectIp changes.
    checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(verified, certificate),
  });
}

/** Days until the peer's certificate ends, with a fraction; null where there is none. */
export function certificateDaysLeft(socket: net.Socket): number | null {
  if (!(socket instanceof tls.TLSSocket)) return null;
  const end = Date.parse(socket.getPeerCertificate().valid_to ?? '');
  return Number.isNaN(end) ? null : (end - Date.now()) / 86_400_000;
}

function tcpOptions({host, port, connectIp, sourceAddress, ipFamily}: Endpoint): net.TcpNetConnectOpts {
  const source = sourceAddress === undefined ? 0 : net.isIP(sourceAddress);
  // An address of the other family could never be reached from this source.
  const family = connectIp === undefined ? (ipFamily ? familyNumber[ipFamily] : source) : 0;
  return {
    host: connectIp ?? host,
    port,
    family,
    lookup: lookupShared,
    ...(sourceAddress === undefined ? {} : {localAddress: sourceAddress}),
  };
}

const familyNumber = {ipv4: 4, ipv6: 6} as const;

// Parsing a CA bundle costs more than a handshake, and a check brings the same one every second.
const contexts = new Map<string, tls.SecureContext>();
const maxContexts = 64;

function contextOf({ca, cert, key}: TlsOptions): tls.SecureContext {
  const id = JSON.stringify([ca, cert, key]);
  const known = contexts.get(id);
  if (known) return known;
  const context = tls.createSecureContext({
    ...(ca === undefined ? {} : {ca}),
    ...(cert === undefined ? {} : {cert}),
    ...(key === undefined ? {} : {key}),
  });
  const [oldest] = contexts.keys();
  if (contexts.size >= maxContexts && oldest !== undefined) contexts.delete(oldest);
  contexts.set(id, context);
  return context;
}

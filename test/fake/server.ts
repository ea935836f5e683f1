import {readFileSync} from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, {type AddressInfo} from 'node:net';
import {join} from 'node:path';
import tls from 'node:tls';
import {root} from '../root.js';

interface Test {
  teardown(fn: () => unknown): void;
}

/** A server on a loopback port of its own that counts what happens to it; closed with the test. */
export interface TestServer {
  readonly port: number;
  /** TCP connections accepted so far. */
  readonly connections: net.Socket[];
  /** Resolves once there is no open connection. */
  idle(): Promise<void>;
}

export function tlsFile(name: string): string {
  return readFileSync(join(root, 'test/fake/tls', name), 'utf8');
}

/** A plain TCP server. */
export function tcpServer(
  t: Test,
  onSocket: (socket: net.Socket) => void,
  host?: string,
): Promise<TestServer> {
  return listening(t, net.createServer(onSocket), host);
}

export function httpServer(t: Test, onRequest: http.RequestListener, host?: string): Promise<TestServer> {
  return listening(t, http.createServer(onRequest), host);
}

/** `certificate` is a name in test/fake/tls. */
export function httpsServer(
  t: Test,
  onRequest: http.RequestListener,
  certificate = 'localhost',
  options: tls.TlsOptions = {},
): Promise<TestServer> {
  return listening(t, https.createServer({...identity(certificate), ...options}, onRequest));
}

export function tlsServer(
  t: Test,
  onSocket: (socket: tls.TLSSocket) => void,
  certificate = 'localhost',
): Promise<TestServer> {
  return listening(t, tls.createServer(identity(certificate), onSocket));
}

function identity(certificate: string): tls.TlsOptions {
  return {cert: tlsFile(`${certificate}.pem`), key: tlsFile('server.key')};
}

async function listening(t: Test, server: net.Server, host = '127.0.0.1'): Promise<TestServer> {
  const connections: net.Socket[] = [];
  server.on('connection', (socket) => {
    connections.push(socket);
    // A client that goes away is what many tests are about.
    socket.on('error', () => {});
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  t.teardown(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    async idle() {
      for (const socket of connections) {
        // What was never read keeps a socket from noticing its end.
        socket.resume();
        if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
      }
    },
  };
}

/** A loopback port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const {port} = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

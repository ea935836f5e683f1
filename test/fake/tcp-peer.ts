import {once} from 'node:events';
import net, {type AddressInfo} from 'node:net';
import {FakePeer, type FakePeerOptions} from './peer.js';

/** One connection of a `TcpPeer`. */
export interface TcpPeerConnection {
  readonly peer: FakePeer;
  readonly socket: net.Socket;
  /** Resolves when the other side has closed, with how: `end` (FIN) or an error's code. */
  readonly closed: Promise<string>;
}

/** A scripted BGP peer that listens on a free port of the loopback. */
export class TcpPeer {
  readonly connections: TcpPeerConnection[] = [];
  readonly #server: net.Server;
  readonly #waiting = new Set<() => void>();

  private constructor(
    server: net.Server,
    readonly host: string,
    readonly port: number,
  ) {
    this.#server = server;
  }

  /** `onConnection` may send, pause, reset … before anything was read. */
  static async listen(
    options: Partial<FakePeerOptions> = {},
    onConnection: (connection: TcpPeerConnection) => void = () => undefined,
    host = '127.0.0.1',
  ): Promise<TcpPeer> {
    const server = net.createServer();
    server.listen(0, host);
    await once(server, 'listening');
    const tcpPeer = new TcpPeer(server, host, (server.address() as AddressInfo).port);
    server.on('connection', (socket) => {
      const peer = new FakePeer((bytes) => void socket.write(bytes), options);
      const closed = new Promise<string>((resolve) => {
        socket.on('end', () => resolve('end'));
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      });
      const connection = {peer, socket, closed};
      tcpPeer.connections.push(connection);
      onConnection(connection);
      socket.on('data', (chunk) => peer.receive(chunk));
      for (const wake of tcpPeer.#waiting) wake();
      tcpPeer.#waiting.clear();
    });
    return tcpPeer;
  }

  /** The connection with this number, once it is there. */
  async connection(index = 0): Promise<TcpPeerConnection> {
    for (;;) {
      const connection = this.connections[index];
      if (connection) return connection;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async close(): Promise<void> {
    for (const {socket} of this.connections) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** A unix socket that clients connect to: the file, its mode, and the connections as lines. What they mean is `api`'s. */

import {lstatSync, rmSync} from 'node:fs';
import {connect, createServer, type Server, type Socket} from 'node:net';
import {dirname} from 'node:path';
import {makeFolder} from './state-file.js';

/** sun_path in <sys/un.h>, without its closing zero. */
const maxPathBytes = 107;

export interface Connection {
  /** Resolves when the client's side of the kernel has taken it; also when the client is gone. */
  write(text: string): Promise<void>;
  /** Stops and goes on reading: what a client sends meanwhile waits in its own socket. */
  pause(): void;
  resume(): void;
  /** Closes after what was written has been sent. */
  end(): void;
  destroy(): void;
}

export interface ConnectionListener {
  onBytes(bytes: Buffer): void;
  /** The client has sent everything; it may still read. */
  onEnd(): void;
  /** The connection is gone. Called once. */
  onClose(): void;
}

export interface ControlServer {
  /** Stops listening and takes the socket's file away; connections stay until they are ended. */
  close(): Promise<void>;
}

/**
 * Listens at `path`, for this user only (mode 0600); its folder is made when it is not there. A socket that nobody
 * answers on is replaced: call this only as the holder of the lock. Rejects with a message for people.
 */
export async function listenAt(
  path: string,
  accept: (connection: Connection) => ConnectionListener,
): Promise<ControlServer> {
  if (Buffer.byteLength(path) > maxPathBytes) {
    throw new Error(`${path}: the path of a socket has at most ${maxPathBytes} bytes`);
  }
  makeFolder(dirname(path));
  await removeStale(path);
  // The client may close its side after its last request and still read the answer.
  const server = createServer({allowHalfOpen: true}, (socket) => attach(socket, accept));
  await listen(server, path);
  server.on('error', () => {
    // Accepting one client failed (too many open files): the next one may succeed.
  });
  return {close: () => new Promise((resolve) => server.close(() => resolve()))};
}

function attach(socket: Socket, accept: (connection: Connection) => ConnectionListener): void {
  const listener = accept({
    write: (text) => new Promise((resolve) => socket.write(text, () => resolve())),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: () => socket.end(),
    destroy: () => socket.destroy(),
  });
  socket.on('data', (bytes: Buffer) => listener.onBytes(bytes));
  socket.on('end', () => listener.onEnd());
  socket.on('close', () => listener.onClose());
  // 'close' follows.
  socket.on('error', () => {});
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // The mode is there from the first moment: bind(2) makes the file within this call.
    const umask = process.umask(0o177);
    try {
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });
}

async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, {throwIfNoEntry: false});
  if (!stat) return;
  if (!stat.isSocket())
    throw new Error(`${path} is there already and is no socket: take it away, or choose another path`);
  if (await isAnswered(path)) throw new Error(`${path} is another process's socket: choose another path`);
  rmSync(path, {force: true});
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Byte streams that carry text, over unix sockets and TCP: how other daemons of this host are spoken to. */

import {connect, type Socket} from 'node:net';

export interface TextStream {
  /** Text goes out as UTF-8. Before `opened` and after `closed` it is dropped. */
  write(text: string): void;
  /** Ends it at once; `closed` is not called any more. */
  destroy(): void;
}

export interface TextStreamHandlers {
  readonly opened: () => void;
  readonly data: (text: string) => void;
  /** It could not be opened, or is over. `code` is the system's: `ENOENT`, `EACCES` …; null: the other side ended it. */
  readonly closed: (code: string | null) => void;
}

/** Opens a stream to the unix socket at a path. */
export type UnixConnector = (path: string, handlers: TextStreamHandlers) => TextStream;

/** Opens a stream to a TCP port. */
export type PortConnector = (
  target: {readonly host: string; readonly port: number},
  handlers: TextStreamHandlers,
) => TextStream;

export const connectUnix: UnixConnector = (path, handlers) => streamOver(connect({path}), handlers);

export const connectPort: PortConnector = ({host, port}, handlers) =>
  streamOver(connect({host, port}), handlers);

function streamOver(socket: Socket, {opened, data, closed}: TextStreamHandlers): TextStream {
  let isOver = false;
  const over = (code: string | null) => {
    if (isOver) return;
    isOver = true;
    socket.destroy();
    closed(code);
  };
  socket.setEncoding('utf8');
  socket.on('connect', () => isOver || opened());
  socket.on('data', (chunk) => isOver || data(String(chunk)));
  socket.on('end', () => over(null));
  socket.on('error', (error: NodeJS.ErrnoException) => over(error.code ?? 'EIO'));
  socket.on('close', () => over(null));
  return {
    write: (text) => {
      if (!isOver) socket.write(text);
    },
    destroy: () => {
      isOver = true;
      socket.destroy();
    },
  };
}

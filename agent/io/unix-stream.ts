/** Byte streams over unix sockets: how other daemons of this host are spoken to. */

import {connect} from 'node:net';

export interface UnixStream {
  /** Text goes out as UTF-8. Before `opened` and after `closed` it is dropped. */
  write(text: string): void;
  /** Ends it at once; `closed` is not called any more. */
  destroy(): void;
}

export interface UnixStreamHandlers {
  readonly opened: () => void;
  readonly data: (text: string) => void;
  /** It could not be opened, or is over. `code` is the system's: `ENOENT`, `EACCES` …; null: the other side ended it. */
  readonly closed: (code: string | null) => void;
}

/** Opens a stream to the socket at a path. */
export type UnixConnector = (path: string, handlers: UnixStreamHandlers) => UnixStream;

export const connectUnix: UnixConnector = (path, {opened, data, closed}) => {
  const socket = connect({path});
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
};

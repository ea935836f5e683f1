import {connect} from 'node:net';
import {StringDecoder} from 'node:string_decoder';

/** Why there was no answer: the system's code, or `ETIMEDOUT`, or `ECONNRESET` for an end before the answer's. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';

  constructor(readonly code: string) {
    super(code);
  }
}

/** Sends one line to a unix socket and gives the first line that comes back. Rejects with `NoAnswerError`. */
export function askOnce(path: string, line: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const decoder = new StringDecoder('utf8');
    const parts: string[] = [];
    const timer = setTimeout(() => fail('ETIMEDOUT'), timeoutMs);

    function finish(): void {
      clearTimeout(timer);
      socket.destroy();
    }
    function fail(code: string): void {
      finish();
      reject(new NoAnswerError(code));
    }

    socket.on('connect', () => socket.write(line));
    socket.on('data', (bytes: Buffer) => {
      const text = decoder.write(bytes);
      const end = text.indexOf('\n');
      parts.push(end === -1 ? text : text.slice(0, end));
      if (end === -1) return;
      finish();
      resolve(parts.join(''));
    });
    socket.on('end', () => fail('ECONNRESET'));
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'EIO'));
  });
}

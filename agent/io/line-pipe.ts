/** Lines to and from the program that started this one, over standard output and standard input. */

export interface LinePipe {
  /** One line. Node writes pipes synchronously: keep what the reader has not answered below the pipe's 64 KiB. */
  write(line: string): void;
}

export interface LinePipeHandlers {
  readonly line: (text: string) => void;
  /** The other side has closed one of the two, or is gone. Called once. */
  readonly closed: () => void;
}

export type OpenLinePipe = (handlers: LinePipeHandlers) => LinePipe;

/** A line longer than this is none. */
const maxLineLength = 64 * 1024;

export const standardPipe: OpenLinePipe = ({line, closed}) => {
  const {stdin, stdout} = process;
  let rest = '';
  let isClosed = false;
  const end = (): void => {
    if (isClosed) return;
    isClosed = true;
    closed();
  };
  stdin.setEncoding('utf8');
  stdin.on('data', (chunk) => {
    const lines = (rest + String(chunk)).split('\n');
    rest = (lines.pop() ?? '').slice(0, maxLineLength);
    for (const text of lines) line(text);
  });
  for (const event of ['end', 'error', 'close']) stdin.on(event, end);
  stdout.on('error', end);
  return {
    write(text) {
      if (!isClosed) stdout.write(`${text}\n`);
    },
  };
};

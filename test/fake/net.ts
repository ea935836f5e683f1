import type {Stream, StreamClient, StreamTarget} from '../../agent/types.js';

/** A connection whose other end follows a script: texts to be read, null for the end, an Error to reject with. */
export class FakeNet implements StreamClient {
  readonly targets: StreamTarget[] = [];
  readonly written: string[] = [];
  closed = 0;
  certificateDaysLeft: number | null = null;

  constructor(readonly script: readonly (string | null | Error)[] = []) {}

  async open(target: StreamTarget): Promise<Stream> {
    this.targets.push(target);
    const left = [...this.script];
    return {
      remoteAddress: '192.0.2.1:25',
      certificateDaysLeft: this.certificateDaysLeft,
      write: (text) => this.written.push(text),
      read: async () => {
        const next = left.shift();
        if (next === undefined) throw new Error('read beyond the script');
        if (next instanceof Error) throw next;
        return next;
      },
      close: () => {
        this.closed++;
      },
    };
  }
}

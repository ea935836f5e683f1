/** Worker threads: a thread of our own that runs a module, and the view from inside one. */

import {constants, setPriority} from 'node:os';
import {parentPort, Worker, workerData} from 'node:worker_threads';

export interface Thread<ToThread, FromThread> {
  post(message: ToThread): void;
  on(handlers: ThreadHandlers<FromThread>): void;
}

export interface ThreadHandlers<FromThread> {
  message(message: FromThread): void;
  /** It has ended, and how. */
  ended(reason: string): void;
}

/** Starts a thread with the module at `url`; `data` is copied, but what is shared memory is shared. */
export function startThread<ToThread, FromThread>(url: URL, data: unknown): Thread<ToThread, FromThread> {
  const worker = new Worker(url, {workerData: data});
  return {
    post: (message) => worker.postMessage(message),
    on(handlers) {
      let reason = 'it ended';
      worker.on('message', (message: FromThread) => handlers.message(message));
      worker.on('error', (error) => {
        reason = error instanceof Error ? error.message : String(error);
      });
      worker.on('exit', () => handlers.ended(reason));
    },
  };
}

/** What `startThread` gave to the thread that asks. */
export function threadData(): unknown {
  return workerData;
}

/** The other end of `startThread`, inside the thread. Throws in the main thread. */
export function threadPort<ToThread, FromThread>(): {
  post(message: FromThread): void;
  on(listener: (message: ToThread) => void): void;
  /** Hears nothing more: a thread that has nothing else to do then ends. */
  close(): void;
} {
  const port = parentPort;
  if (!port) throw new Error('this module runs in a thread of its own');
  return {
    post: (message) => port.postMessage(message),
    on: (listener) => void port.on('message', listener),
    close: () => port.close(),
  };
}

/**
 * Has the scheduler prefer the calling thread to everything that is as nice as usual, the other threads of this process
 * included (setpriority(2): on Linux `who` 0 is a thread). Answers whether it does: that takes CAP_SYS_NICE.
 */
export function preferThread(): boolean {
  try {
    setPriority(0, constants.priority.PRIORITY_HIGH);
    return true;
  } catch {
    return false;
  }
}

/** A number that one thread counts up and another reads. */
export interface Heartbeat {
  readonly shared: SharedArrayBuffer;
  beat(): void;
  read(): number;
}

/** A new one, or another thread's. */
export function heartbeat(shared = new SharedArrayBuffer(4)): Heartbeat {
  const cell = new Int32Array(shared);
  return {
    shared,
    beat: () => void Atomics.add(cell, 0, 1),
    read: () => Atomics.load(cell, 0),
  };
}

/** The same clients as our checks use, with the same options, and nothing around them: what a check costs at least. */

import net from 'node:net';
import {execa} from 'execa';
import {got} from 'got';

/** One run; true if it went well. */
export type BareRun = () => Promise<boolean>;

/** As in `agent/io/http-exchange.ts`: a stream, a fresh connection each time, no retries, no compression. */
export function bareHttp(port: number): BareRun {
  const client = got.extend({
    retry: {limit: 0},
    throwHttpErrors: false,
    followRedirect: false,
    decompress: true,
    headers: {'user-agent': 'eip-health', 'accept-encoding': 'identity'},
  });
  const url = `http://127.0.0.1:${port}/healthz`;
  const createConnection = (): net.Socket => net.connect({host: '127.0.0.1', port});
  return () =>
    new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let status = 0;
      const stream = client.stream(url, {createConnection, timeout: {request: 1000}});
      stream.on('response', (response: {statusCode: number}) => {
        status = response.statusCode;
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => resolve(status === 200 && Buffer.concat(chunks).length > 0));
      stream.on('error', () => resolve(false));
    });
}

/** Connects, and hangs up. */
export function bareConnect(port: number): BareRun {
  return () =>
    new Promise((resolve) => {
      const socket = net.connect({host: '127.0.0.1', port, timeout: 1000});
      socket.on('connect', () => {
        resolve(true);
        socket.destroy();
      });
      socket.on('timeout', () => socket.destroy());
      socket.on('error', () => resolve(false));
    });
}

/** As in `agent/io/exec.ts`: a process group of its own, both outputs read, the timeout ours. */
export function bareExec(): BareRun {
  return async () => {
    const child = execa('/bin/true', [], {
      detached: true,
      cleanup: false,
      reject: false,
      extendEnv: false,
      env: {PATH: process.env.PATH ?? ''},
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      buffer: false,
      timeout: 1000,
    });
    child.stdout.resume();
    child.stderr.resume();
    return (await child).exitCode === 0;
  };
}

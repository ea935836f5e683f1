/** Runs inside the machine of `uml.ts`, on its serial line: does what the host asks, several things at once. */

import {spawn} from 'node:child_process';
import {mkdirSync, writeFileSync} from 'node:fs';
import {connect} from 'node:net';
import {release} from 'node:os';
import {dirname} from 'node:path';
import {createInterface} from 'node:readline';
import {Program} from './program.js';
import type {GuestAnswers, GuestMessage, GuestRequest, NumberedRequest, Ran} from './uml-protocol.js';

const programs = new Map<number, Program>();

const deeds: {
  readonly [Deed in GuestRequest['do']]: (
    request: GuestRequest & {do: Deed},
  ) => GuestAnswers[Deed] | Promise<GuestAnswers[Deed]>;
} = {
  run,
  start({argv}) {
    const program = new Program(argv);
    programs.set(program.pid, program);
    return program.pid;
  },
  signal({program, signal}) {
    known(program).signal(signal);
    return null;
  },
  tell({program, line}) {
    known(program).tell(line);
    return null;
  },
  program({program}) {
    const {exit, stdout, stderr} = known(program);
    return {exit, stdout: stdout.slice(-20_000), stderr: stderr.slice(-20_000)};
  },
  write({path, text}) {
    mkdirSync(dirname(path), {recursive: true});
    writeFileSync(path, text);
    return null;
  },
  ask,
};

createInterface({input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY})
  .on('line', (line) => void obey(JSON.parse(line)))
  // The host is gone: so is this machine.
  .on('close', () => process.kill(process.pid, 'SIGKILL'));
say({ready: release()});

async function obey(request: NumberedRequest): Promise<void> {
  const {id} = request;
  try {
    say({id, answer: await perform(request)});
  } catch (error) {
    say({id, error: error instanceof Error ? error.message : String(error)});
  }
}

function perform<Deed extends GuestRequest['do']>(request: GuestRequest & {do: Deed}): unknown {
  return deeds[request.do](request);
}

function say(message: GuestMessage | {id: number; answer: unknown}): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function known(pid: number): Program {
  const program = programs.get(pid);
  if (!program) throw new Error(`no program ${pid} was started`);
  return program;
}

function run({argv, input, timeoutMs}: GuestRequest & {do: 'run'}): Promise<Ran> {
  const [command = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({code, signal, stdout, stderr}));
    // Whether it reads that is its own affair.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

function ask({socket: path, line}: GuestRequest & {do: 'ask'}): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(path, () => socket.write(`${line}\n`));
    socket.setTimeout(5_000, () => socket.destroy(new Error(`no answer on ${path}`)));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
      if (answer.includes('\n')) socket.end();
    });
  });
}

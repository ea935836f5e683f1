/** Processes of a benchmark: one asks, the other answers, over Node's IPC channel. */

import {type ChildProcess, fork} from 'node:child_process';
import {fileURLToPath} from 'node:url';

/** What a process answers to: names of questions and functions from one argument to an answer. */
export type Answers<Api> = {
  readonly [Name in keyof Api]: Api[Name] extends (argument: infer Argument) => infer Answer
    ? (argument: Argument) => Answer | Promise<Answer>
    : never;
};

type Argument<Api, Name extends keyof Api> = Api[Name] extends (argument: infer Given) => unknown
  ? Given
  : never;
type Answer<Api, Name extends keyof Api> = Api[Name] extends (argument: never) => infer Given ? Given : never;

interface Question {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

type Reply = {readonly id: number; readonly answer: unknown} | {readonly id: number; readonly error: string};

/** A process that runs a module which calls `serve`. It ends when we end. */
export class Helper<Api> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<
    number,
    {readonly resolve: (answer: unknown) => void; readonly reject: (error: Error) => void}
  >();
  readonly #exited: Promise<void>;
  #questions = 0;
  #over = false;

  private constructor(child: ChildProcess, name: string) {
    this.#child = child;
    child.on('message', (reply: Reply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if ('error' in reply) waiting?.reject(new Error(`${name}: ${reply.error}`));
      else waiting?.resolve(reply.answer);
    });
    this.#exited = new Promise((resolve) => {
      child.on('exit', (code, signal) => {
        this.#over = true;
        for (const {reject} of this.#waiting.values()) reject(new Error(`${name} ended (${signal ?? code})`));
        this.#waiting.clear();
        resolve();
      });
    });
  }

  /** `module` is relative to `from`, an `import.meta.url`. `quiet`: what it prints goes nowhere. */
  static start<Api>(
    module: string,
    from: string,
    {nodeOptions = [], quiet = false}: {nodeOptions?: readonly string[]; quiet?: boolean} = {},
  ): Helper<Api> {
    const file = fileURLToPath(new URL(module, from));
    const child = fork(file, {
      execArgv: [...nodeOptions],
      serialization: 'advanced',
      stdio: ['ignore', quiet ? 'ignore' : 'inherit', 'inherit', 'ipc'],
    });
    return new Helper<Api>(child, module);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  ask<Name extends keyof Api & string>(
    name: Name,
    argument: Argument<Api, Name>,
  ): Promise<Answer<Api, Name>> {
    return new Promise((resolve, reject) => {
      if (this.#over) {
        reject(new Error('the process has ended'));
        return;
      }
      const id = this.#questions++;
      this.#waiting.set(id, {resolve: (answer) => resolve(answer as Answer<Api, Name>), reject});
      const question: Question = {id, name, argument};
      this.#child.send(question);
    });
  }

  /** Ends it, whatever it does. */
  async stop(): Promise<void> {
    if (!this.#over) this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

/** Answers until the process that asks is gone. */
export function serve<Api>(answers: Answers<Api>): void {
  process.on('message', ({id, name, argument}: Question) => {
    void answer(id, name, argument);
  });
  process.on('disconnect', () => process.exit(0));

  async function answer(id: number, name: string, argument: unknown): Promise<void> {
    const asked = (answers as Readonly<Record<string, ((argument: unknown) => unknown) | undefined>>)[name];
    try {
      if (!asked) throw new Error(`nothing answers to ${name}`);
      reply({id, answer: await asked(argument)});
    } catch (error) {
      reply({id, error: error instanceof Error ? (error.stack ?? error.message) : String(error)});
    }
  }

  function reply(message: Reply): void {
    process.send?.(message);
  }
}

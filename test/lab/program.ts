import {type ChildProcess, spawn} from 'node:child_process';

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const outputLimit = 4 * 2 ** 20;
/** A program that does not end on SIGTERM within this time is killed, and `stop` rejects. */
const stopTimeoutMs = 10_000;

/** A running program of the lab. Ended by its own handle, never by name. */
export class Program {
  readonly #child: ChildProcess;
  readonly #argv: readonly string[];
  readonly exited: Promise<Exit>;
  #exit: Exit | null = null;
  stdout = '';
  stderr = '';

  constructor(argv: readonly string[], {env = {}, cwd}: ProgramOptions = {}) {
    const [command = '', ...args] = argv;
    this.#argv = argv;
    this.#child = spawn(command, args, {
      env: {...process.env, ...env},
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : {cwd}),
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout = (this.stdout + chunk.toString('utf8')).slice(-outputLimit);
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString('utf8')).slice(-outputLimit);
    });
    this.exited = new Promise((resolve) => {
      const end = (exit: Exit) => {
        this.#exit = exit;
        resolve(exit);
      };
      this.#child.on('error', (error) => {
        this.stderr += error.message;
        end({code: null, signal: null});
      });
      // Its daemon children may keep the pipes open: `exit`, not `close`.
      this.#child.on('exit', (code, signal) => end({code, signal}));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.#exit === null;
  }

  /** Null while it runs. */
  get exit(): Exit | null {
    return this.#exit;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Writes a line to its standard input. */
  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** SIGTERM, and waits for the end. */
  async stop(): Promise<Exit> {
    if (this.#exit) return this.#exit;
    this.signal('SIGTERM');
    this.signal('SIGCONT');
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, stopTimeoutMs, null);
    });
    const exit = await Promise.race([this.exited, patience]);
    clearTimeout(timer);
    if (exit) return exit;
    await this.kill();
    throw new Error(`"${this.#argv.join(' ')}" did not end on SIGTERM`);
  }

  /** SIGKILL, and waits for the end. */
  async kill(): Promise<Exit> {
    if (!this.#exit) this.signal('SIGKILL');
    return this.exited;
  }

  /** What it said, for the message of a failure. */
  describe(): string {
    const state = this.#exit ? `ended with ${this.#exit.signal ?? this.#exit.code}` : 'running';
    return `${this.#argv.join(' ')}: ${state}\n${this.stdout.slice(-4000)}\n${this.stderr.slice(-4000)}`;
  }
}

import type {Exit} from './program.js';
import type {GuestAnswers, GuestRequest, ProgramState} from './uml-protocol.js';
import {waitFor} from './wait.js';

/** A program that goes on inside the machine. */
export class GuestProgram {
  constructor(
    readonly pid: number,
    readonly argv: readonly string[],
    private readonly request: <Request extends GuestRequest>(
      request: Request,
    ) => Promise<GuestAnswers[Request['do']]>,
  ) {}

  state(): Promise<ProgramState> {
    return this.request({do: 'program', program: this.pid});
  }

  async tell(line: string): Promise<void> {
    await this.request({do: 'tell', program: this.pid, line});
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<Exit> {
    await this.request({do: 'signal', program: this.pid, signal});
    const {exit} = await waitFor(
      `"${this.argv.join(' ')}" to end on ${signal}`,
      () => this.state(),
      (state) => state.exit !== null,
    );
    return exit ?? {code: null, signal: null};
  }

  /** Waits until it has said this. */
  async said(words: string | RegExp): Promise<void> {
    await waitFor(
      `"${this.argv.join(' ')}" to say ${words}`,
      () => this.state(),
      ({exit, stdout, stderr}) => {
        if (`${stdout}\n${stderr}`.search(words) >= 0) return true;
        if (exit) throw new Error(`it ended with ${exit.signal ?? exit.code}\n${stdout}\n${stderr}`);
        return false;
      },
    );
  }

  async describe(): Promise<string> {
    const {exit, stdout, stderr} = await this.state();
    const state = exit ? `ended with ${exit.signal ?? exit.code}` : 'running';
    return `--- in the machine: ${this.argv.join(' ')}: ${state}\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`;
  }
}

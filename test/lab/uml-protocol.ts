/** What the host tells the machine inside user-mode Linux, and what that answers: JSON lines over a serial line. */

import type {Exit} from './program.js';

export type GuestRequest =
  /** Runs a program to its end. */
  | {
      readonly do: 'run';
      readonly argv: readonly string[];
      readonly input: string;
      readonly timeoutMs: number;
    }
  /** Starts a program that goes on. */
  | {readonly do: 'start'; readonly argv: readonly string[]}
  | {readonly do: 'signal'; readonly program: number; readonly signal: NodeJS.Signals}
  /** Standard input of a program. */
  | {readonly do: 'tell'; readonly program: number; readonly line: string}
  | {readonly do: 'program'; readonly program: number}
  /** Makes the folders above it, too. */
  | {readonly do: 'write'; readonly path: string; readonly text: string}
  /** One line to a unix socket, one line back. */
  | {readonly do: 'ask'; readonly socket: string; readonly line: string};

export interface Ran extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** `exit` is null while it runs. */
export interface ProgramState {
  readonly exit: Exit | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GuestAnswers {
  readonly run: Ran;
  readonly start: number;
  readonly signal: null;
  readonly tell: null;
  readonly program: ProgramState;
  readonly write: null;
  readonly ask: string;
}

export type GuestMessage =
  /** The first line: the guest listens. */
  | {readonly ready: string}
  | {readonly id: number; readonly answer: GuestAnswers[GuestRequest['do']]}
  | {readonly id: number; readonly error: string};

/** The host's requests carry the number that comes back with the answer. */
export type NumberedRequest = GuestRequest & {readonly id: number};

/** What all commands share: `--config` and `--json` before or behind the command's name, and how they end. */

import type {Command} from 'commander';
import type {Terminal} from '../io/terminal.js';

/** What a command is given besides its own arguments. */
export interface Invocation {
  readonly terminal: Terminal;
  readonly configFile?: string;
  readonly json: boolean;
}

/** Takes the exit code of the command that was run. */
export type Done = (code: number) => void;

/** Adds `--config FILE` and `--json` with what they mean to this command. */
export function withCommonOptions(command: Command, json: string): Command {
  return command
    .showHelpAfterError(`(${pathOf(command)} --help shows how to use it)`)
    .option(
      '-c, --config <file>',
      'main configuration file (default: ./eip-health.yaml, else /etc/eip-health/eip-health.yaml)',
    )
    .option('--json', json);
}

/** `eip-health peer drain`. */
function pathOf(command: Command): string {
  const {parent} = command;
  return parent === null ? command.name() : `${pathOf(parent)} ${command.name()}`;
}

/** What the options of `command` and of those above it say. */
export function invocation(command: Command, terminal: Terminal): Invocation {
  const {config, json} = command.optsWithGlobals<{config?: string; json?: boolean}>();
  return {terminal, json: json ?? false, ...(config === undefined ? {} : {configFile: config})};
}

/** An example of a command line, shown below its help. */
export function examples(...lines: readonly (readonly [command: string, meaning: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  return `\nExamples:\n${lines.map(([command, meaning]) => `  ${command.padEnd(width)}  ${meaning}`).join('\n')}\n`;
}

/** A value for scripts, in a form that people can read too. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

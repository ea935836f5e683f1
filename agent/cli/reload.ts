import type {Command} from 'commander';
import type {Terminal} from '../io/terminal.js';
import {printable} from '../lib/printable.js';
import {type Done, examples, invocation, jsonText, withCommonOptions} from './command.js';
import {askDaemon} from './daemon.js';
import {exitCode} from './outcome.js';

/** What the daemon answers to `reload`: what has changed, a line each; sessions that are reset come first. */
export interface ReloadAnswer {
  readonly lines: readonly string[];
}

export function addReload(program: Command, terminal: Terminal, done: Done): void {
  const command = program
    .command('reload')
    .summary('make the running daemon read its configuration again')
    .description(
      'Make the running daemon read its configuration again, and print what changes. ' +
        'If the main file is broken nothing changes, and the exit code is 3.',
    );
  withCommonOptions(command, 'print the answer as JSON')
    .addHelpText('after', examples(['eip-health validate && eip-health reload', 'only what is valid']))
    .action(async (_options, command: Command) => {
      const called = invocation(command, terminal);
      const data = (await askDaemon(called, 'reload')) as unknown as ReloadAnswer;
      terminal.out(called.json ? jsonText(data) : data.lines.map((line) => `${printable(line)}\n`).join(''));
      done(exitCode.ok);
    });
}

import type {Command} from 'commander';
import {didYouMeanOneOf} from '../lib/suggest.js';
import {CommandError, exitCode} from './outcome.js';

/** `help [command...]`, also of commands within commands. Commander's own says nothing of a name that it does not know. */
export function addHelp(program: Command): void {
  program
    .command('help [command...]')
    .summary('show help for a command')
    .helpOption(false)
    .action((names: string[]) => {
      let found = program;
      for (const name of names) {
        const commands = found.commands;
        const next = commands.find((command) => command.name() === name);
        if (!next) {
          const known = commands.map((command) => command.name());
          const path = names.slice(0, names.indexOf(name) + 1).join(' ');
          throw new CommandError(
            exitCode.usage,
            `there is no command "${path}"${didYouMeanOneOf(name, known)}`,
          );
        }
        found = next;
      }
      found.outputHelp();
    });
}

import type {Command} from 'commander';
import type {Terminal} from '../io/terminal.js';
import {version} from '../io/version.js';
import {type Done, examples, invocation, jsonText, withCommonOptions} from './command.js';
import {exitCode} from './outcome.js';

export function addVersion(program: Command, terminal: Terminal, done: Done): void {
  const command = program
    .command('version')
    .summary("print this program's version")
    .description("Print this program's version.");
  withCommonOptions(command, 'print it as JSON, with the version of Node')
    .addHelpText('after', examples(['eip-health version', `eip-health ${version}`]))
    .action((_options, command: Command) => {
      const {json} = invocation(command, terminal);
      terminal.out(json ? jsonText({version, node: process.versions.node}) : `eip-health ${version}\n`);
      done(exitCode.ok);
    });
}

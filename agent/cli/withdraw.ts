import type {Command} from 'commander';
import {LockHeldError} from '../admin/lock.js';
import {loadConfig} from '../config/load.js';
import {logLine} from '../events/log-line.js';
import type {Terminal} from '../io/terminal.js';
import {printable} from '../lib/printable.js';
import {styles} from '../lib/styles.js';
import type {AgentEvent} from '../types.js';
import {type Done, examples, invocation, jsonText, withCommonOptions} from './command.js';
import {CommandError, exitCode, notPermitted} from './outcome.js';
import {problemLines} from './problems.js';

export function addWithdraw(program: Command, terminal: Terminal, done: Done): void {
  const command = program
    .command('withdraw')
    .summary('take everything of ours out of BIRD, FRR, GoBGP and the kernel, without a daemon')
    .description(
      'Take everything of ours out of BIRD, FRR, GoBGP and the kernel: for when no daemon is there to do it. While one ' +
        'runs nothing is done, and the exit code is 1; so it is when something may be left.',
    )
    .option(
      '--after-exit',
      'do nothing if the daemon left it on purpose (a stop with `on_stop: keep`, a planned restart, or a crash with ' +
        '`on_crash: adopt`): for ExecStopPost of systemd',
    );
  withCommonOptions(command, 'print what was withdrawn, and what is left, as JSON')
    .addHelpText(
      'after',
      examples(
        ['eip-health withdraw', 'after a daemon was killed'],
        ['ExecStopPost=/usr/bin/eip-health withdraw --after-exit', 'in a unit file'],
      ),
    )
    .action(async (options: {afterExit?: boolean}, command: Command) => {
      const {configFile, json} = invocation(command, terminal);
      const {config, problems} = loadConfig({configFile});
      if (config === null) {
        terminal.err(problemLines(problems, terminal.errColor));
        throw new CommandError(exitCode.config, 'the configuration is broken: nothing was withdrawn');
      }
      // Loaded here, so that the other commands start without the daemon's parts.
      const {withdrawAll} = await import('../withdraw.js');
      const emit = (event: AgentEvent): void => {
        const {level, message} = logLine(event);
        if (event.kind === 'note' && (level === 'warn' || level === 'error')) say(terminal, message);
      };
      const afterExit = options.afterExit ?? false;
      const answer = await withdrawAll({config, afterExit, emit}).catch((error: unknown) => {
        throw refusal(error);
      });
      const {kept, left, withdrawn} = answer;
      if (json) terminal.out(jsonText(answer));
      else {
        for (const {prefix, from} of withdrawn) terminal.out(`withdrawn ${prefix} from ${from}\n`);
        for (const {prefix, from, reason} of left)
          say(terminal, `${prefix} may still be in ${from}: ${reason}`);
        if (kept) terminal.out('nothing was done: the daemon left everything on purpose\n');
        else if (withdrawn.length + left.length === 0) terminal.out('there was nothing to withdraw\n');
      }
      done(left.length > 0 ? exitCode.no : exitCode.ok);
    });
}

function say(terminal: Terminal, message: string): void {
  terminal.err(`${styles(terminal.errColor).red('eip-health:')} ${printable(message)}\n`);
}

function refusal(error: unknown): unknown {
  if (error instanceof LockHeldError) return new CommandError(exitCode.no, error.message);
  if (!(error instanceof Error) || !('code' in error)) return error;
  return notPermitted(error) ?? new CommandError(exitCode.no, error.message);
}

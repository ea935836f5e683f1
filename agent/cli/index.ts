/** The command line: which commands there are, and how they end. */

import {Command, CommanderError} from 'commander';
import {processTerminal, type Terminal} from '../io/terminal.js';
import {version} from '../io/version.js';
import {printable} from '../lib/printable.js';
import {styles} from '../lib/styles.js';
import {addAdmin} from './admin.js';
import {programCalled} from './called-as.js';
import {addCheck} from './check.js';
import {type Done, examples, withCommonOptions} from './command.js';
import {addHelp} from './help.js';
import {CommandError, exitCode} from './outcome.js';
import {addPeer} from './peer.js';
import {addReload} from './reload.js';
import {addRun} from './run.js';
import {addStatus} from './status.js';
import {addStop} from './stop.js';
import {addTables} from './tables.js';
import {addValidate} from './validate.js';
import {addVersion} from './version.js';
import {addVip} from './vip.js';
import {addWatchdog} from './watchdog.js';
import {addWithdraw} from './withdraw.js';

/**
 * Runs one command line (without node's own words) and gives its exit code, once its output has been taken. `calledAs`:
 * the path of the program as it was called, which may be a link with the name of a program that this one replaces.
 */
export async function cli(argv: readonly string[], calledAs = 'eip-health'): Promise<number> {
  const terminal = processTerminal();
  const program = (await programCalled(calledAs)) ?? runCommand;
  const code = await program(argv, terminal);
  await terminal.drained();
  return code;
}

/** The same, saying everything to `terminal`. Never rejects. */
export async function runCommand(argv: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = exitCode.ok;
  const program = createProgram(terminal, (ended) => {
    code = ended;
  });
  try {
    await program.parseAsync(argv, {from: 'user'});
    return code;
  } catch (error) {
    // Commander has said what is wrong, or shown the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
    const {red} = styles(terminal.errColor);
    if (error instanceof CommandError) {
      const [first = '', ...rest] = error.message.split('\n').map(printable);
      terminal.err(`${[`${red('eip-health:')} ${first}`, ...rest].join('\n')}\n`);
      return error.code;
    }
    terminal.err(
      `${red('eip-health: internal error:')} ${error instanceof Error ? error.stack : String(error)}\n`,
    );
    return exitCode.no;
  }
}

function createProgram(terminal: Terminal, done: Done): Command {
  const program = new Command('eip-health')
    .description('Checks services and announces their addresses by BGP only while they are healthy.')
    .version(version, '-V, --version', "print this program's version")
    .helpOption('-h, --help', 'show help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      getOutHasColors: () => terminal.color,
      getErrHasColors: () => terminal.errColor,
      outputError: (text, write) => write(text.replace(/^error: /, 'eip-health: ')),
    })
    .configureHelp({styleTitle: styles(terminal.color).bold})
    .helpCommand(false);
  withCommonOptions(program, 'print for scripts instead of for people').addHelpText(
    'after',
    examples(
      ['eip-health validate', 'is the configuration right?'],
      ['eip-health check', 'do the checks pass, now?'],
      ['eip-health run', 'check and announce, until stopped'],
      ['eip-health status --watch', 'what the running daemon does'],
    ) +
      '\nExit codes: 0 ok, 1 the answer is "no" or it failed, 2 wrong usage,\n' +
      '3 configuration, 4 not permitted, 5 the daemon does not answer.\n',
  );
  // In the order in which somebody comes to need them.
  program.commandsGroup('Before it runs:');
  addValidate(program, terminal, done);
  addCheck(program, terminal, done);
  program.commandsGroup('The daemon:');
  addRun(program, terminal, done);
  addReload(program, terminal, done);
  addStop(program, terminal, done);
  addWatchdog(program, terminal, done);
  addWithdraw(program, terminal, done);
  program.commandsGroup('What it does:');
  addStatus(program, terminal, done);
  addTables(program, terminal, done);
  program.commandsGroup('Services and peers by hand:');
  addAdmin(program, terminal, done);
  addVip(program, terminal, done);
  addPeer(program, terminal, done);
  program.commandsGroup('About it:');
  addVersion(program, terminal, done);
  addHelp(program);
  return program;
}

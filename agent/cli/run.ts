import {type Command, Option} from 'commander';
import type {DryRunScope} from '../announcers.js';
import {catchSignals} from '../io/signals.js';
import type {Terminal} from '../io/terminal.js';
import {type Done, examples, invocation, withCommonOptions} from './command.js';

export function addRun(program: Command, terminal: Terminal, done: Done): void {
  const command = program
    .command('run')
    .summary('check services and announce their prefixes, until stopped')
    .description(
      'Check the services and announce their prefixes while they are healthy, until SIGTERM or Ctrl-C. ' +
        'SIGHUP reloads the configuration, SIGURG runs every check now, SIGUSR2 logs a dump.',
    )
    .addOption(
      new Option(
        '--dry-run [part]',
        'run the checks for real, but announce and install nothing: say what would be done; ' +
          'with `kernel` only addresses and host routes are left alone',
      )
        .choices(['all', 'kernel'])
        .preset('all'),
    )
    .option('--exabgp', 'as a process of ExaBGP: announce on standard output, log to standard error')
    .option('--record <file>', 'append every event to this file, one line of JSON each');
  withCommonOptions(command, 'log as JSON, whatever log.format says')
    .addHelpText(
      'after',
      examples(
        ['eip-health run', 'the daemon, with /etc/eip-health/eip-health.yaml'],
        ['eip-health run --dry-run -c eip-health.yaml', 'see what a configuration would do'],
      ),
    )
    .action(async (options: {dryRun?: DryRunScope; exabgp?: boolean; record?: string}, command: Command) => {
      const {configFile, json} = invocation(command, terminal);
      const signals = catchSignals();
      // Loaded here, so that the other commands start without the daemon's parts.
      const {runDaemon} = await import('../main.js');
      done(
        await runDaemon({
          dryRun: options.dryRun ?? 'none',
          exabgp: options.exabgp ?? false,
          json,
          signals,
          ...(configFile === undefined ? {} : {configFile}),
          ...(options.record === undefined ? {} : {record: options.record}),
        }),
      );
    });
}

import type {Command} from 'commander';
import {Option} from 'commander';
import type {Terminal} from '../io/terminal.js';
import {type Done, examples, invocation, jsonText, withCommonOptions} from './command.js';
import {askDaemon} from './daemon.js';
import {exitCode} from './outcome.js';

/** A drain and `stop_timeout` may be long. */
const timeoutMs = 3_600_000;

const said = {
  keep: 'stopped: addresses and routes stay, for the next start to take over',
  withdraw: 'stopped: everything is withdrawn',
} as const;

/** `stop`: as SIGTERM does, but one stop may differ from `on_stop`. */
export function addStop(program: Command, terminal: Terminal, done: Done): void {
  const command = program
    .command('stop')
    .summary('stop the running daemon, leaving or withdrawing what is announced')
    .description(
      'Stop the running daemon and wait for its end. Without an option it leaves what `on_stop` says, as SIGTERM does. ' +
        'A service manager may start it again.',
    )
    .addOption(
      new Option(
        '--keep',
        'leave addresses and routes, also at peers with graceful restart: for an upgrade',
      ).conflicts('withdraw'),
    )
    .addOption(new Option('--withdraw', 'withdraw everything first: before the host is shut down'));
  withCommonOptions(command, 'print the answer as JSON')
    .addHelpText('after', examples(['eip-health stop --keep && eip-health run', 'nobody notices']))
    .action(async ({keep, withdraw}: {keep?: boolean; withdraw?: boolean}, command: Command) => {
      const called = invocation(command, terminal);
      const mode = keep ? 'keep' : withdraw ? 'withdraw' : undefined;
      const data = (await askDaemon(called, 'stop', mode ? {mode} : {}, timeoutMs)) as unknown as {
        readonly mode: keyof typeof said;
      };
      terminal.out(called.json ? jsonText(data) : `${said[data.mode]}\n`);
      done(exitCode.ok);
    });
}

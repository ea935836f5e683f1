import type {Command} from 'commander';
import {describeAdmin, Orders} from '../admin/orders.js';
import {type AdminAnswer, type AdminCommand, order} from '../admin/request.js';
import {systemClock as clock} from '../io/clock.js';
import {presenceOf} from '../io/presence.js';
import type {Terminal} from '../io/terminal.js';
import {printable} from '../lib/printable.js';
import {type Done, examples, invocation, jsonText, withCommonOptions} from './command.js';
import {duration, giveOrder, laterLine, reason, whoCalls} from './give.js';
import {CommandError, exitCode} from './outcome.js';

interface Options {
  readonly all?: boolean;
  readonly reason?: string;
  readonly for?: number;
}

const summaries: Readonly<Record<AdminCommand, string>> = {
  drain: 'take the routes of services out; their checks go on, their addresses stay',
  enable: 'let the checks decide again: ends drain, disable and force-up',
  disable: 'take the routes and then the addresses of services out, and stop their checks',
  'force-up': 'announce services whatever their checks say',
};

/** `drain`, `enable`, `disable` and `force-up`: with a daemon through its socket, without one in `state_dir`. */
export function addAdmin(program: Command, terminal: Terminal, done: Done): void {
  for (const name of ['drain', 'enable', 'disable', 'force-up'] as const) {
    const command = program
      .command(`${name} [services...]`)
      .summary(summaries[name])
      .description(
        `${summaries[name][0]?.toUpperCase()}${summaries[name].slice(1)}. It lasts across restarts of the daemon ` +
          'and of the machine; without a daemon it counts from its next start.',
      )
      .option('--all', 'all services of the configuration');
    if (name !== 'enable') {
      command
        .option('--reason <text>', 'why; shown by status and in the log', reason)
        .option('--for <duration>', 'ends by itself after this time (2h, 30m)', duration);
    }
    withCommonOptions(command, 'print what is in force now as JSON')
      .addHelpText(
        'after',
        examples([`eip-health ${name} web`, 'one service'], [`eip-health ${name} --all`, 'all']),
      )
      .action(async (services: string[], options: Options, command: Command) => {
        if (services.length > 0 === (options.all ?? false)) {
          throw new CommandError(exitCode.usage, `${name}: name services, or write --all`);
        }
        const called = invocation(command, terminal);
        const args = {
          services: options.all ? null : services,
          by: whoCalls(),
          reason: options.reason ?? null,
          for_ms: options.for ?? null,
        };
        const {answer, isLater} = await giveOrder(called, name, args, ({services}, store) => {
          const orders = new Orders({store, clock, presence: presenceOf, onChange: () => {}});
          const noted = order(name, args, {services, orders, clock});
          orders.stop();
          return noted;
        });
        if (called.json) terminal.out(jsonText({...answer, daemon: !isLater}));
        else {
          for (const service of answer.services) terminal.out(lineOf(service));
          if (isLater) terminal.out(laterLine);
        }
        done(exitCode.ok);
      });
  }
}

function lineOf({name, admin}: AdminAnswer['services'][number]): string {
  const why = admin.sources.length === 0 ? '' : ` ${describeAdmin(admin)}`;
  const end = admin.drain_until ? `; still announced, as its drain says, until ${admin.drain_until}` : '';
  return `${printable(`${name}: ${admin.state}${why}${end}`)}\n`;
}

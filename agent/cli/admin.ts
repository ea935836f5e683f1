import {userInfo} from 'node:os';
import {type Command, InvalidArgumentError} from 'commander';
import {awaitStateLock, LockHeldError} from '../admin/lock.js';
import {describeAdmin, Orders} from '../admin/orders.js';
import {type AdminAnswer, type AdminCommand, order} from '../admin/request.js';
import {openAdminStore} from '../admin/store.js';
import {ApiError} from '../api/protocol.js';
import {loadConfig} from '../config/load.js';
import {systemClock as clock} from '../io/clock.js';
import {presenceOf} from '../io/presence.js';
import {makeFolder} from '../io/state-file.js';
import type {Terminal} from '../io/terminal.js';
import {parseDuration} from '../lib/duration.js';
import {printable} from '../lib/printable.js';
import type {JsonObject} from '../types.js';
import {type Done, examples, type Invocation, invocation, jsonText, withCommonOptions} from './command.js';
import {askDaemon} from './daemon.js';
import {CommandError, exitCode} from './outcome.js';
import {problemLines} from './problems.js';

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
        .option('--reason <text>', 'why; shown by status and in the log')
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
        const {answer, isLater} = await give(called, name, args);
        if (called.json) terminal.out(jsonText(answer));
        else {
          for (const service of answer.services) terminal.out(lineOf(service));
          if (isLater) terminal.out('no daemon runs: this counts from its next start\n');
        }
        done(exitCode.ok);
      });
  }
}

/** A round of the watchdog is over by then. */
const lockMs = 5000;

async function give(
  called: Invocation,
  command: AdminCommand,
  args: JsonObject,
): Promise<{answer: AdminAnswer; isLater: boolean}> {
  try {
    return {answer: (await askDaemon(called, command, args)) as unknown as AdminAnswer, isLater: false};
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== exitCode.noDaemon) throw error;
    return {answer: await withoutDaemon(called, command, args), isLater: true};
  }
}

async function withoutDaemon(
  {configFile, terminal}: Invocation,
  command: AdminCommand,
  args: JsonObject,
): Promise<AdminAnswer> {
  const {config, problems} = loadConfig({configFile});
  if (config === null) {
    terminal.err(problemLines(problems, terminal.errColor));
    throw new CommandError(exitCode.config, 'the configuration is broken: nothing was changed');
  }
  try {
    makeFolder(config.stateDir);
    const lock = await awaitStateLock(config.stateDir, clock, lockMs);
    try {
      const orders = new Orders({
        store: openAdminStore(config.stateDir),
        clock,
        presence: presenceOf,
        onChange: () => {},
      });
      const answer = order(command, args, {services: config.services, orders, clock});
      orders.stop();
      return answer;
    } finally {
      lock.release();
    }
  } catch (error) {
    throw refusal(error);
  }
}

function refusal(error: unknown): unknown {
  if (error instanceof ApiError) return new CommandError(error.code, error.message);
  if (error instanceof LockHeldError) {
    return new CommandError(exitCode.noDaemon, `${error.message.split(':')[0]}, and does not answer`);
  }
  if (!(error instanceof Error)) return error;
  const isDenied = 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM');
  return new CommandError(isDenied ? exitCode.notPermitted : exitCode.no, error.message);
}

function lineOf({name, admin}: AdminAnswer['services'][number]): string {
  const why = admin.sources.length === 0 ? '' : ` ${describeAdmin(admin)}`;
  return `${printable(`${name}: ${admin.state}${why}`)}\n`;
}

function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

/** Whom the log is to name: who has become root by sudo, not root. */
function whoCalls(): string {
  const {SUDO_USER} = process.env;
  if (SUDO_USER !== undefined && /^[\w.-]{1,64}$/.test(SUDO_USER)) return SUDO_USER;
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.()}`;
  }
}

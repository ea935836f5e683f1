import type {Command} from 'commander';
import type {Status} from '../events/status.js';
import {renderStatus} from '../events/status-table.js';
import {systemClock} from '../io/clock.js';
import type {Terminal} from '../io/terminal.js';
import {didYouMeanOneOf} from '../lib/suggest.js';
import {type Done, examples, type Invocation, invocation, jsonText, withCommonOptions} from './command.js';
import {askDaemon} from './daemon.js';
import {CommandError, exitCode} from './outcome.js';
import {redrawEverySecond} from './redraw.js';

export function addStatus(program: Command, terminal: Terminal, done: Done): void {
  const command = program
    .command('status')
    .summary('show services, routes and peers of the running daemon')
    .argument('[service]', 'show only this one; the exit code is then 1 unless it is up or degraded')
    .description('Show services, routes and peers of the running daemon.')
    .option('-w, --watch', 'draw it again every second, until Ctrl-C');
  withCommonOptions(command, 'print it as JSON')
    .addHelpText(
      'after',
      examples(
        ['eip-health status', 'everything'],
        ['eip-health status web && echo serving', 'one service, for scripts'],
        ["eip-health status --json | jq '.peers[].state'", 'one fact'],
      ),
    )
    .action(async (service: string | undefined, options: {watch?: boolean}, command: Command) => {
      const called = invocation(command, terminal);
      const read = async (): Promise<Status> => select(await readStatus(called), service);
      if (options.watch) {
        const show = async (): Promise<string> => {
          const status = await read();
          return called.json ? `${JSON.stringify(status)}\n` : render(status, terminal, terminal.height);
        };
        await redrawEverySecond(terminal, systemClock, show);
        return done(exitCode.ok);
      }
      const status = await read();
      terminal.out(called.json ? jsonText(status) : render(status, terminal));
      done(service === undefined || status.services.every(isServing) ? exitCode.ok : exitCode.no);
    });
}

export async function readStatus(called: Invocation): Promise<Status> {
  const data = (await askDaemon(called, 'status')) as unknown as Status;
  if (data.schema === 1) return data;
  throw new CommandError(
    exitCode.no,
    'the running daemon is of another version: use its own eip-health command',
  );
}

/** The status of one service: itself, its routes, and all peers. */
export function select(status: Status, service: string | undefined): Status {
  if (service === undefined) return status;
  const services = status.services.filter(({name}) => name === service);
  if (services.length === 0) {
    const names = status.services.map(({name}) => name);
    throw new CommandError(
      exitCode.usage,
      `the daemon has no service "${service}"${didYouMeanOneOf(service, names)}`,
    );
  }
  return {...status, services, routes: status.routes.filter(({owners}) => owners.includes(service))};
}

function isServing({state}: Status['services'][number]): boolean {
  return state === 'up' || state === 'degraded';
}

function render(status: Status, {color, width}: Terminal, height?: number): string {
  return renderStatus(status, {color, width, ...(height === undefined ? {} : {height})});
}

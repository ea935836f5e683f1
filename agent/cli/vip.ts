import type {Command} from 'commander';
import type {HoldCommand, HoldDone} from '../admin/holds.js';
import {describeOrder} from '../admin/orders.js';
import type {AdminStore} from '../admin/store.js';
import {loadConfig} from '../config/load.js';
import type {Config} from '../config/types.js';
import {renderTable} from '../events/status-table.js';
import {isAnnouncedVip, type VipStatus, vipsOf} from '../events/vips.js';
import {vipsSection} from '../events/vips-section.js';
import {type LookUp, lookUp} from '../io/dns.js';
import type {Terminal} from '../io/terminal.js';
import {printable} from '../lib/printable.js';
import type {JsonObject} from '../types.js';
import {oncePacing} from '../watchdog/pacing.js';
import {type Done, examples, type Invocation, invocation, jsonText, withCommonOptions} from './command.js';
import {duration, giveOrder, reason, whoCalls} from './give.js';
import {CommandError, exitCode} from './outcome.js';
import {problemLines} from './problems.js';
import {readStatus} from './status.js';
import {targetsOf} from './vip-targets.js';

interface Options {
  readonly reason?: string;
  readonly for?: number;
  readonly force?: boolean;
}

/** `vip add`, `vip del` and `vip list`: with a daemon through its socket, without one at once and in `state_dir`. */
export function addVip(program: Command, terminal: Terminal, done: Done): void {
  const vip = program
    .command('vip')
    .summary('take single addresses out and hold them out, let them in again, list them')
    .description(
      'Take single addresses out, with their routes, and hold them out whatever the checks say: across restarts, and ' +
        'rounds of the watchdog.',
    )
    .helpCommand(false)
    .usage('del|add|list [options] [names...]');
  withCommonOptions(vip, 'print it as JSON').addHelpText(
    'after',
    examples(
      ['eip-health vip del 192.0.2.1 --for 2h --reason "new cable"', 'one address out'],
      ['eip-health vip add 192.0.2.1', 'and back'],
    ),
  );
  const del = vip
    .command('del <names...>')
    .summary('take addresses out, and hold them out')
    .description(
      'Take the routes of addresses out, then the addresses themselves, and hold them out until `vip add`. A name ' +
        'stands for all its IPv4 and IPv6 addresses. Without a daemon it is done at once, too.',
    )
    .option('--reason <text>', 'why; shown by status, vip list and the log', reason)
    .option('--for <duration>', 'let them in again by itself after this time (2h, 30m)', duration);
  withCommonOptions(del, 'print what became of them as JSON')
    .addHelpText(
      'after',
      examples(
        ['eip-health vip del 192.0.2.1 --for 2h --reason "new cable"', 'one address'],
        ['eip-health vip del vip-1.example.net', 'all that a name stands for'],
      ),
    )
    .action(async (names: string[], options: Options, command: Command) => {
      const called = invocation(command, terminal);
      const answer = await giveHold(called, 'vip-del', names, options);
      if (called.json) terminal.out(jsonText(answer));
      else report(terminal, answer, ({held}) => (held ? `held out ${describeOrder(held)}` : 'let in again'));
      done(answer.vips.some(isAnnouncedVip) ? exitCode.no : exitCode.ok);
    });
  const add = vip
    .command('add <names...>')
    .summary('let addresses in again')
    .description(
      'Let addresses in again that `vip del` holds out: they return when the checks of their services say so. Without a ' +
        'daemon its next start, or the next round of the watchdog, brings them back.',
    )
    .option('--force', 'announce them whatever the checks say: force-up of their services, until `enable`')
    .option('--reason <text>', 'with --force: why', reason)
    .option('--for <duration>', 'with --force: ends by itself after this time (2h, 30m)', duration);
  withCommonOptions(add, 'print what became of them as JSON')
    .addHelpText('after', examples(['eip-health vip add vip-1.example.net', 'all that a name stands for']))
    .action(async (names: string[], options: Options, command: Command) => {
      if (!options.force && (options.reason ?? options.for) !== undefined) {
        throw new CommandError(exitCode.usage, 'vip add: --reason and --for go with --force');
      }
      const called = invocation(command, terminal);
      const answer = await giveHold(called, 'vip-add', names, options);
      if (called.json) terminal.out(jsonText(answer));
      else
        report(terminal, answer, (vip) =>
          vip.was_held ? `let in again${outlook(vip)}` : 'was not held out',
        );
      done(exitCode.ok);
    });
  const list = vip
    .command('list')
    .summary('show all addresses, where they are, and who holds them out')
    .description(
      'Show all addresses with their services, where they are, and who holds them out since when. Without a daemon it ' +
        'is what the interface has, and what the last round of the watchdog knew.',
    );
  withCommonOptions(list, 'print them as JSON')
    .addHelpText(
      'after',
      examples(["eip-health vip list --json | jq '.[] | select(.held).prefix'", 'for scripts']),
    )
    .action(async (_options, command: Command) => {
      const called = invocation(command, terminal);
      const vips = await listVips(called);
      const {color, width} = terminal;
      const none = 'no addresses: there are no services, and nothing is held out';
      terminal.out(called.json ? jsonText(vips) : renderTable(vipsSection(vips), none, {color, width}));
      done(exitCode.ok);
    });
}

export interface HoldMeans {
  readonly resolve?: LookUp;
  /** Does it where no daemon runs, as the holder of the lock. */
  readonly withoutDaemon?: (
    command: HoldCommand,
    args: JsonObject,
    config: Config,
    store: AdminStore,
  ) => Promise<HoldDone>;
}

const atOnce: HoldMeans['withoutDaemon'] & {} = async (command, args, config, store) => {
  // Loaded here, so that the other commands start without the daemon's parts.
  const {holdWithoutDaemon} = await import('../vips.js');
  return holdWithoutDaemon(command, args, config, store);
};

/** Rejects with `CommandError`: then nothing has changed. */
export async function giveHold(
  called: Invocation,
  command: HoldCommand,
  names: readonly string[],
  options: Options,
  {resolve = lookUp, withoutDaemon = atOnce}: HoldMeans = {},
): Promise<HoldDone & {readonly isLater: boolean}> {
  const args = {
    targets: await targetsOf(names, resolve),
    by: whoCalls(),
    reason: options.reason ?? null,
    for_ms: options.for ?? null,
    force: options.force ?? false,
  };
  const {answer, isLater} = await giveOrder<HoldDone>(called, command, args, (config, store) =>
    withoutDaemon(command, args, config, store),
  );
  return {...answer, isLater};
}

async function listVips(called: Invocation): Promise<readonly VipStatus[]> {
  try {
    return vipsOf(await readStatus(called));
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== exitCode.noDaemon) throw error;
  }
  const {listWithoutDaemon} = await import('../vips.js');
  return listWithoutDaemon(configOf(called));
}

function configOf({configFile, terminal}: Invocation): Config {
  // As the watchdog reads it, so that what it knows of its services is found.
  const {config, problems} = loadConfig({configFile, pacing: oncePacing});
  if (config) return config;
  terminal.err(problemLines(problems, terminal.errColor));
  throw new CommandError(exitCode.config, 'the configuration is broken');
}

type Vip = HoldDone['vips'][number];

function report(terminal: Terminal, {skipped, vips}: HoldDone, what: (vip: Vip) => string): void {
  for (const vip of vips) {
    const names = vip.services.map(({name}) => name).join(', ');
    const of = names === '' ? '' : ` (${names})`;
    const still = isAnnouncedVip(vip) && vip.held ? '; it is still announced' : '';
    const reasons = Object.entries(vip.reasons).map(([name, reason]) => `; ${name}: ${reason}`);
    terminal.out(`${printable(`${vip.prefix}${of}: ${what(vip)}${still}${reasons.join('')}`)}\n`);
  }
  for (const {name, prefix, reason} of skipped) {
    terminal.err(`${printable(`${name}: ${prefix} ${reason}: left alone`)}\n`);
  }
}

/** What is to be expected of one that was let in. */
function outlook({services}: Vip): string {
  const states = services.map(({name, state}) => ({name, state}));
  if (states.length === 0 || states.some(({state}) => state === 'up' || state === 'degraded')) return '';
  const [first] = states;
  if (first?.state === null) return ': the next start or round of the watchdog brings it back';
  return `, and returns when the checks of ${states.map(({name}) => name).join(' or ')} pass`;
}

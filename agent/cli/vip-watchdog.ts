/**
 * `vip_watchdog` of multihoming-quagga-bgp-mgt, which took no options and was called each minute by cron: a round of
 * `watchdog --once --ipvs`, with its messages and exit codes. `--config` and the options of `--ipvs` are understood.
 */

import {Command, CommanderError} from 'commander';
import {loadConfig} from '../config/load.js';
import type {Terminal} from '../io/terminal.js';
import {printable} from '../lib/printable.js';
import type {OnceEnd, OnceOptions} from '../once.js';
import type {Program} from './called-as.js';
import {examples, invocation, withCommonOptions} from './command.js';
import {problemLines} from './problems.js';
import {addIpvsOptions, ipvsWatchOf, type WatchdogOptions} from './watchdog-options.js';

/** What it has always ended with when it did nothing. */
const failed = 255;

/** What it asks of the host. */
export interface Host {
  readonly isRoot: () => boolean;
  readonly isRunning: (program: string) => boolean;
}

export const vipWatchdog: Program = async (argv, terminal) => {
  const {isRunning} = await import('../io/processes.js');
  return runVipWatchdog(argv, terminal, {isRoot: () => process.getuid?.() === 0, isRunning});
};

export async function runVipWatchdog(
  argv: readonly string[],
  terminal: Terminal,
  host: Host,
): Promise<number> {
  let code = 0;
  const program = withCommonOptions(addIpvsOptions(new Command('vip_watchdog')), 'has no meaning here')
    .description(
      'Take routes of VIPs without realservers out, and put them back: `eip-health watchdog --once --ipvs`.',
    )
    .addHelpText('after', examples(['* * * * * root vip_watchdog > /dev/null 2>&1', 'in /etc/cron.d']))
    .exitOverride()
    .configureOutput({writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text)})
    .action(async (options: WatchdogOptions, command: Command) => {
      const {configFile} = invocation(command, terminal);
      code = await round(options, configFile, terminal, host);
    });
  try {
    await program.parseAsync(argv, {from: 'user'});
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : failed;
    say(terminal, error instanceof Error ? error.message : String(error));
    return failed;
  }
}

async function round(
  options: WatchdogOptions,
  configFile: string | undefined,
  terminal: Terminal,
  {isRoot, isRunning}: Host,
): Promise<number> {
  const stop = (why: string): number => {
    terminal.out(`${why}\n`);
    return failed;
  };
  if (!isRoot()) return stop('Only run as root !');
  const ipvs = ipvsWatchOf({...options, ipvs: true});
  const {config} = loadConfig({configFile});
  if (config?.frr && !isRunning('bgpd')) return stop('fatal error : quagga/bgpd not running !');
  if (!isRunning('keepalived')) return stop('fatal error : keepalived not running !');
  const interrupted = new AbortController();
  const cancel = terminal.onInterrupt(() => interrupted.abort());
  const [{runOnce}, {createScriptVoice}, {systemClock: clock}] = await Promise.all([
    import('../once.js'),
    import('../watchdog/script-voice.js'),
    import('../io/clock.js'),
  ]);
  const once: OnceOptions = {
    configFile,
    ipvs,
    repeat: terminal.isTerminal,
    voiceFor: ({log}) => createScriptVoice({log, clock}),
    signal: interrupted.signal,
  };
  try {
    return codeOf(await runOnce(once), terminal);
  } finally {
    cancel();
  }
}

/** A VIP that is down is no failure of the watchdog's. */
function codeOf(end: OnceEnd, terminal: Terminal): number {
  switch (end.kind) {
    case 'misconfigured':
      terminal.err(problemLines(end.problems, terminal.errColor));
      if (end.refusal !== null) say(terminal, end.refusal);
      return failed;
    case 'held':
      terminal.out(
        `vip_watchdog: ${end.pid === null ? 'another one is starting' : `pid ${end.pid} is at it`}: nothing was done\n`,
      );
      return 0;
    default:
      return 0;
  }
}

function say(terminal: Terminal, message: string): void {
  terminal.err(`vip_watchdog: ${printable(message)}\n`);
}

import type {Command} from 'commander';
import {loadConfig} from '../config/load.js';
import {exists} from '../io/config-files.js';
import type {Terminal} from '../io/terminal.js';
import {printable} from '../lib/printable.js';
import {styles} from '../lib/styles.js';
import type {OnceEnd} from '../once.js';
import {type Done, examples, type Invocation, invocation, withCommonOptions} from './command.js';
import {CommandError, exitCode} from './outcome.js';
import {problemLines} from './problems.js';
import {addWatchdogOptions, ipvsWatchOf, type WatchdogOptions} from './watchdog-options.js';

export function addWatchdog(program: Command, terminal: Terminal, done: Done): void {
  const command = program
    .command('watchdog')
    .summary('check once and end, for cron; or at set times')
    .description(
      'Check all services once, bring routes and addresses to the result, leave them and end: for cron or a systemd ' +
        'timer (--once). Or stay, and do so at set times (--schedule). One result decides, unless a service has its own ' +
        '`rise` and `fall`. Prints a line for each change, and nothing when nothing changed. The exit code of --once is 0 ' +
        'if every enabled service is up or degraded, and 1 if one is not; beside a running daemon it does nothing.',
    );
  withCommonOptions(addWatchdogOptions(command), 'print changes and complaints as JSON lines')
    .addHelpText(
      'after',
      examples(
        ['* * * * * root eip-health watchdog --once', 'in /etc/cron.d: the services of conf.d, each minute'],
        ['eip-health watchdog --once --ipvs --only 192.0.2.0/24', 'the VIPs of IPVS, without service files'],
        ['eip-health watchdog --ipvs --schedule "*/10 * * * * *"', 'the same every ten seconds, and stay'],
        [
          'eip-health watchdog --once --ipvs --fwmark 1=192.0.2.1,2001:db8::1',
          'a firewall mark, and its VIPs',
        ],
        [
          'eip-health watchdog --once --ipvs --expected seen --degraded-below 50% --degraded-med 500',
          'half of the realservers gone: a worse route',
        ],
      ),
    )
    .action(async (options: WatchdogOptions, command: Command) => {
      const {once = false, schedule, timezone} = options;
      if (once === (schedule !== undefined)) {
        throw new CommandError(
          exitCode.usage,
          'watchdog: write --once, or --schedule with a cron expression',
        );
      }
      if (once && timezone !== undefined) {
        throw new CommandError(exitCode.usage, 'watchdog: --timezone is for --schedule');
      }
      const called = invocation(command, terminal);
      done(await (once ? runOnce(options, called) : runScheduled(options, called)));
    });
}

async function runOnce(options: WatchdogOptions, {configFile, json, terminal}: Invocation): Promise<number> {
  const ipvs = ipvsWatchOf(options);
  const interrupted = new AbortController();
  const cancel = terminal.onInterrupt(() => interrupted.abort());
  // Loaded here, so that the other commands start without the agent's parts.
  const [{runOnce}, {createVoice}, {systemClock: clock}] = await Promise.all([
    import('../once.js'),
    import('../watchdog/voice.js'),
    import('../io/clock.js'),
  ]);
  try {
    const end = await runOnce({
      configFile,
      ipvs,
      repeat: terminal.isTerminal,
      voiceFor: ({log}) => createVoice({log, json, clock}),
      signal: interrupted.signal,
    });
    return codeOf(end, options, terminal);
  } catch (error) {
    throw refusal(error);
  } finally {
    cancel();
  }
}

async function runScheduled(
  {schedule = '', timezone, ...options}: WatchdogOptions,
  {configFile, json, terminal}: Invocation,
): Promise<number> {
  const ipvs = ipvsWatchOf(options);
  if (ipvs) {
    const {config, files, problems} = loadConfig({configFile});
    const [file = ''] = files;
    if (config === null && !exists(file)) {
      terminal.err(problemLines(problems, terminal.errColor) + minimalMain(file));
      return exitCode.config;
    }
  }
  const {catchSignals} = await import('../io/signals.js');
  const signals = catchSignals();
  const {runDaemon} = await import('../main.js');
  return runDaemon({
    dryRun: 'none',
    json,
    signals,
    watchdog: {schedule, ipvs, ...(timezone === undefined ? {} : {timezone})},
    ...(configFile === undefined ? {} : {configFile}),
  });
}

function codeOf(end: OnceEnd, {ipvs}: WatchdogOptions, terminal: Terminal): number {
  switch (end.kind) {
    case 'interrupted':
      return exitCode.ok;
    case 'held': {
      const who = end.pid === null ? 'another eip-health is starting' : `eip-health runs as pid ${end.pid}`;
      terminal.out(`${who} with state_dir ${printable(end.stateDir)}: nothing was done\n`);
      return exitCode.ok;
    }
    case 'misconfigured':
      terminal.err(problemLines(end.problems, terminal.errColor));
      if (end.refusal !== null) say(terminal, end.refusal);
      else if (ipvs && !exists(end.file)) terminal.err(minimalMain(end.file));
      return exitCode.config;
    case 'done':
      if (!end.isHealthy) return exitCode.no;
      return end.brokenServices > 0 ? exitCode.config : exitCode.ok;
  }
}

/** What IPVS serves is found; through what it is announced has to be said. */
function minimalMain(file: string): string {
  return (
    `\nA main file that is enough for the VIPs of IPVS (${printable(file)}):\n\n` +
    '  allow: [192.0.2.0/24, "2001:db8::/64"]   # what may be announced\n' +
    '  frr: {}                                  # or bird: {…}, or kernel: {routes: true}\n'
  );
}

function say(terminal: Terminal, message: string): void {
  terminal.err(`${styles(terminal.errColor).red('eip-health:')} ${printable(message)}\n`);
}

function refusal(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = codeIn(error) ?? codeIn(error.cause);
  if (code === null) return error;
  const isDenied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return new CommandError(isDenied ? exitCode.notPermitted : exitCode.no, error.message);
}

function codeIn(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

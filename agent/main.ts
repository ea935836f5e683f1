/**
 * `eip-health run`: the components in the order in which they start; they stop in reverse. The hinge between them
 * is `agent.ts`; `daemon.ts` holds it together with what it announces through.
 */

import {beginLife, dryLife, type Life} from './admin/life.js';
import {readBootId} from './admin/run-record.js';
import type {DryRunScope} from './announcers.js';
import {ApiError} from './api/protocol.js';
import {createApiServer} from './api/server.js';
import {exitCode} from './cli/outcome.js';
import {checkAgainstHost, chooseRouterId, missingRouterId} from './config/host.js';
import {type LoadResult, loadConfig} from './config/load.js';
import {formatProblem} from './config/report.js';
import type {Config} from './config/types.js';
import {NetlinkClient} from './control/netlink-client.js';
import {Daemon} from './daemon.js';
import {type Bus, createBus} from './events/bus.js';
import {createLog, type Log} from './events/log.js';
import {createRecorder} from './events/record.js';
import {systemClock as clock} from './io/clock.js';
import {cronIn, systemCron} from './io/cron.js';
import {createHostNetwork} from './io/host-network.js';
import {isJournald} from './io/journald.js';
import {openNetlinkSocket} from './io/netlink-socket.js';
import {fileOutput, type Output, standardError, standardOutput} from './io/output.js';
import {catchSignals, type Signals} from './io/signals.js';
import {usesColor} from './io/terminal.js';
import {version} from './io/version.js';
import {StopRequest} from './stop-request.js';
import type {Emit, IpAddress, JsonObject, Prefix} from './types.js';
import {ScheduledConfig, type WatchdogSchedule} from './watchdog/schedule.js';

export interface RunOptions {
  readonly configFile?: string;
  readonly dryRun: DryRunScope;
  /** This is a process of ExaBGP: standard output and input are its, the log goes to standard error. */
  readonly exabgp?: boolean;
  /** Log as JSON whatever `log.format` says. */
  readonly json: boolean;
  /** Where every event is recorded, one JSON line each. */
  readonly record?: string;
  /** `watchdog --schedule`; absent: each service is checked as it says itself. */
  readonly watchdog?: WatchdogSchedule;
  /** Caught since the command began; default: from now on. */
  readonly signals?: Signals;
}

type Loaded = LoadResult & {readonly config: Config};
type Stop = () => Promise<void> | void;

/**
 * Runs until a signal ends it. Gives the exit code: 0 stopped, 1 it failed or was hurried, 3 the configuration is broken,
 * 4 the system does not let it.
 */
export async function runDaemon(options: RunOptions): Promise<number> {
  const {configFile, signals = catchSignals(), watchdog} = options;
  const scheduled = watchdog ? new ScheduledConfig(configFile, watchdog) : null;
  const loaded = scheduled?.load() ?? loadConfig({configFile});
  const {config, problems} = loaded;
  if (config === null) {
    process.stderr.write(`${problems.map(formatProblem).join('\n')}\n`);
    return 3;
  }
  const misuse = exabgpMisuse(options, config);
  if (misuse !== null) {
    process.stderr.write(`eip-health: ${misuse}\n`);
    return 3;
  }
  const stops: Stop[] = [() => signals.release()];
  const {bus, log} = startLog(options, config, stops);
  const {emit} = bus;
  try {
    if (options.record !== undefined) stops.push(startRecording(options.record, bus));
    return await run(options, {...loaded, config}, {emit, log, scheduled, signals, stops});
  } catch (error) {
    note(emit, 'fatal', `cannot start: ${error instanceof Error ? error.message : String(error)}`);
    return error instanceof Error && isDenied(error) ? exitCode.notPermitted : exitCode.no;
  } finally {
    for (const stop of stops.reverse()) {
      try {
        await stop();
      } catch (error) {
        note(emit, 'error', error instanceof Error ? error.message : String(error));
      }
    }
  }
}

interface Surroundings {
  readonly emit: Emit;
  readonly log: Log;
  readonly scheduled: ScheduledConfig | null;
  readonly signals: Signals;
  readonly stops: Stop[];
}

async function run(
  {configFile, dryRun, watchdog}: RunOptions,
  inFiles: Loaded,
  {emit, log, scheduled, signals, stops}: Surroundings,
): Promise<number> {
  const {stateDir} = inFiles.config;
  note(
    emit,
    'info',
    `eip-health ${version} starts with ${inFiles.files[0]}: ${countOf(inFiles.config.services.length)}`,
  );
  for (const problem of inFiles.problems)
    report(emit, problem.severity, `configuration: ${formatProblem(problem)}`);

  const bootId = readBootId();
  const life = dryRun === 'all' ? dryLife(stateDir) : beginLife({...inFiles.config, version, bootId, clock});
  // A start that fails leaves what it found: the next one may adopt what this one might have.
  let ending: 'withdraw' | 'keep' = life.adopt ? 'keep' : 'withdraw';
  let left: readonly Prefix[] | undefined;
  stops.push(() => life.end(ending, left));

  const loaded = watchdog?.ipvs && scheduled ? await withVips(inFiles, scheduled, emit) : inFiles;
  const {config} = loaded;
  const client = new NetlinkClient({open: openNetlinkSocket, clock});
  stops.push(() => client.stop());
  const network = await createHostNetwork(client);
  stops.push(() => network.stop());
  for (const problem of checkAgainstHost(config, network.addresses())) {
    report(emit, problem.severity, formatProblem(problem));
  }
  const routerId = routerIdOf(config, life, network.addresses());

  const cron = watchdog?.timezone === undefined ? systemCron : cronIn(watchdog.timezone);
  let endWithExabgp = (): void => {};
  const daemon = new Daemon({
    loaded,
    load: (previous) => scheduled?.load(previous) ?? loadConfig({configFile, previous}),
    mode: watchdog ? 'watchdog' : 'run',
    cron,
    dryRun,
    adopt: life.adopt,
    lifeBefore: life.before,
    routerId,
    bootId,
    network,
    client,
    log,
    clock,
    emit,
    onExabgpEnd: () => endWithExabgp(),
  });
  const request = new StopRequest();
  const ended = new Promise<number>((resolve) => {
    void request.asked.then(() => resolve(0));
    endWithExabgp = () => {
      note(emit, 'warn', 'ExaBGP has ended');
      resolve(0);
    };
    signals.handle({
      stop: () => resolve(0),
      hurry() {
        note(
          emit,
          'warn',
          'asked to stop again: ending at once; what is still installed goes at the next start',
        );
        log.flush();
        process.exit(1);
      },
      reload: () => void daemon.reload().catch((error: Error) => noteReload(emit, error)),
      checkNow: () => daemon.checkNow(),
      dump: () => note(emit, 'info', `dump: ${JSON.stringify(daemon.status())}`),
      crash(error) {
        note(emit, 'fatal', `internal error: ${error.stack ?? error.message}`);
        resolve(1);
      },
    });
  });
  try {
    await daemon.start();
    const handlers = {...daemon.handlers, stop: (args: JsonObject) => request.handle(args)};
    const api = createApiServer({path: config.controlSocket, handlers, clock, emit});
    if (dryRun !== 'all') {
      await api.start();
      stops.push(() => api.stop());
    }
  } catch (error) {
    await daemon.stop(ending);
    throw error;
  }

  if (watchdog && scheduled) {
    const look = async (): Promise<void> => {
      if (await scheduled.refresh(stateDir, emit)) await daemon.reload();
    };
    const lookAgain = (): void => void look().catch((error: Error) => noteReload(emit, error));
    const cancel = cron(watchdog.schedule, lookAgain);
    stops.push(cancel);
  }

  const code = await ended;
  ending = code === 0 ? (request.mode ?? daemon.onStop) : 'withdraw';
  note(
    emit,
    'info',
    ending === 'keep' ? 'stopping: routes and addresses stay' : 'stopping: withdrawing all routes',
  );
  left = daemon.addresses;
  await daemon.stop(ending);
  note(emit, 'info', 'stopped');
  request.done(ending);
  return code;
}

/** The configuration with the services of IPVS; what is remarkable about those is reported. */
async function withVips(inFiles: Loaded, scheduled: ScheduledConfig, emit: Emit): Promise<Loaded> {
  await scheduled.refresh(inFiles.config.stateDir, emit);
  const loaded = scheduled.load();
  const {config} = loaded;
  if (config === null) throw new Error('the configuration was changed meanwhile, and is broken');
  const known = new Set(inFiles.problems.map(formatProblem));
  for (const problem of loaded.problems) {
    const text = formatProblem(problem);
    if (!known.has(text)) report(emit, problem.severity, `configuration: ${text}`);
  }
  note(emit, 'info', `IPVS: ${countOf(config.services.length - inFiles.config.services.length)}`);
  return {...loaded, config};
}

function startLog({exabgp = false, json}: RunOptions, config: Config, stops: Stop[]): {bus: Bus; log: Log} {
  const output = exabgp ? standardError(clock) : standardOutput(clock);
  const bus = createBus();
  const color = usesColor(output.isTerminal, process.env);
  const priorities = isJournald(exabgp ? 2 : 1, process.env);
  const log = createLog({config: config.log, json, output, clock, color, priorities});
  bus.on((event) => log.sink(event));
  stops.push(() => log.close(1000));
  return {bus, log};
}

/** A file that cannot be opened is said at once, and stops nothing. */
function startRecording(file: string, bus: Bus): Stop {
  let output: Output;
  try {
    output = fileOutput(file, clock);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    note(bus.emit, 'error', `nothing is recorded: ${reason}`);
    return () => {};
  }
  const recorder = createRecorder(output, clock);
  bus.on((event) => recorder.sink(event));
  return async () => {
    await recorder.close(1000);
    if (recorder.lost() > 0) note(bus.emit, 'warn', `${recorder.lost()} events were not recorded in ${file}`);
  };
}

/** Whether the system did not let us. */
function isDenied({cause}: Error): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 'EACCES' || cause.code === 'EPERM');
}

/** Why the command line and the configuration do not go together; null when they do. */
function exabgpMisuse({dryRun, exabgp}: RunOptions, config: Config): string | null {
  if (exabgp && !config.exabgp)
    return '--exabgp needs an `exabgp` block in the main file: write `exabgp: {}`';
  if (exabgp || !config.exabgp || dryRun === 'all') return null;
  return 'the `exabgp` block needs `run --exabgp`, as a process in the configuration of ExaBGP';
}

function routerIdOf(
  config: Config,
  life: Life,
  addresses: Parameters<typeof chooseRouterId>[1],
): IpAddress | null {
  if (config.routerId) return config.routerId;
  const id = chooseRouterId(config, addresses, life.routerId);
  if (id === null && config.bgp) throw new Error(formatProblem(missingRouterId(config)));
  if (id !== null && id !== life.routerId) life.keepRouterId(id);
  return id;
}

function report(emit: Emit, severity: 'error' | 'warning', message: string): void {
  note(emit, severity === 'error' ? 'error' : 'warn', message);
}

function note(emit: Emit, level: 'info' | 'warn' | 'error' | 'fatal', message: string): void {
  emit({kind: 'note', level, message, fields: {}});
}

/** What is wrong with the configuration was said line by line. */
function noteReload(emit: Emit, error: Error): void {
  if (error instanceof ApiError && error.code === 3) return;
  note(emit, 'error', `reload: ${error.message}`);
}

function countOf(services: number): string {
  return `${services} service${services === 1 ? '' : 's'}`;
}

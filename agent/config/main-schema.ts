/** The main file: the daemon itself. */

import {dirname, resolve} from 'node:path';
import {z} from 'zod';
import {formatDuration} from '../lib/duration.js';
import {readAllow} from './allow-schema.js';
import {readBgp} from './bgp-schema.js';
import type {BirdConfig} from './bird.js';
import {readBird} from './bird-schema.js';
import type {ExabgpConfig} from './exabgp.js';
import {readExabgp} from './exabgp-schema.js';
import type {FrrConfig} from './frr.js';
import {readFrr} from './frr-schema.js';
import type {GobgpConfig} from './gobgp.js';
import {readGobgp} from './gobgp-schema.js';
import {readKernel} from './kernel-schema.js';
import type {ConfigFiles} from './password.js';
import {wholeFile} from './report.js';
import {shortestRestartMs} from './restart-schema.js';
import {key, part, Section} from './section.js';
import {readSyslog} from './syslog-schema.js';
import {builtInPacing, type Pacing, readDefaults} from './timing.js';
import type {AllowEntry, BgpConfig, Config, KernelConfig, LogConfig} from './types.js';
import type {Value} from './value.js';
import {addressOfFamily, duration, text, whole} from './values.js';

/** What services are read against; undefined: wrong, so that nothing can be said about what depends on it. */
export interface MainParts {
  readonly allow: readonly AllowEntry[] | null | undefined;
  readonly kernel: KernelConfig | null | undefined;
  readonly bgp: BgpConfig | null | undefined;
  readonly bird: BirdConfig | null | undefined;
  readonly frr: FrrConfig | null | undefined;
  readonly exabgp: ExabgpConfig | null | undefined;
  readonly gobgp: GobgpConfig | null | undefined;
  readonly stopTimeoutMs: number | undefined;
  readonly pacing: Pacing;
}

/** What is left to stand on when the main file cannot be read at all. */
export const unknownMain: MainParts = {
  allow: undefined,
  kernel: undefined,
  bgp: undefined,
  bird: undefined,
  frr: undefined,
  exabgp: undefined,
  gobgp: undefined,
  stopTimeoutMs: undefined,
  pacing: builtInPacing,
};

const mainKeys = {
  router_id: key(addressOfFamily('ipv4')),
  conf_d: key(z.union([text, z.literal(false)], 'must be the name of a folder, or false for none')),
  state_dir: key(text),
  control_socket: key(text),
  allow: part(),
  on_stop: key(z.enum(['withdraw', 'keep'])),
  on_crash: key(z.enum(['withdraw', 'adopt'])),
  settle_timeout: key(duration(0)),
  stop_timeout: key(duration(100)),
  step_timeout: key(duration(10)),
  max_running_checks: key(whole(1, 65_535)),
  defaults: part(),
  log: part(),
  kernel: part(),
  bgp: part(),
  bird: part(),
  frr: part(),
  exabgp: part(),
  gobgp: part(),
};

/** Every key of the main document. */
export const mainKeyNames = Object.keys(mainKeys);

const laterKeys = [
  ...['metrics', 'guard', 'canary', 'web', 'watch', 'allow_insecure_scripts'],
  'maintenance',
];

const inDefaults = 'under `defaults`';
const inBgp = 'under `bgp`';
const inOwnFile = 'into a file of its own in `conf_d`';
const elsewhere: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['interval', 'fast_interval', 'timeout', 'rise', 'fall'].map((name) => [name, inDefaults]),
  ),
  ...Object.fromEntries(
    ['local_as', 'local_address', 'hold_time', 'peers', 'communities', 'bfd', 'graceful_restart'].map(
      (name) => [name, inBgp],
    ),
  ),
  ...Object.fromEntries(
    ['name', 'prefixes', 'check', 'checks', 'announce', 'services'].map((name) => [name, inOwnFile]),
  ),
};

/** Reads the main document. The config is good for use only if nothing was reported as an error. */
export function readMain(
  value: Value,
  file: string,
  files: ConfigFiles,
): {readonly config: Omit<Config, 'services'>; readonly parts: MainParts} {
  const section = new Section(value, mainKeys, {later: laterKeys, elsewhere});
  const folder = dirname(resolve(file));
  const bgp = soundly(section, 'bgp', section.get('bgp'), (given) => readBgp(given, file, files));
  const bird = soundly(section, 'bird', section.get('bird'), (given) => readBird(given, folder));
  const frr = soundly(section, 'frr', section.get('frr'), (given) => readFrr(given, folder));
  const exabgp = soundly(section, 'exabgp', section.get('exabgp'), readExabgp);
  const gobgp = soundly(section, 'gobgp', section.get('gobgp'), (given) => readGobgp(given, folder));
  const kernel = soundly(section, 'kernel', section.get('kernel'), readKernel);
  const allow = soundly(section, 'allow', section.get('allow'), readAllow);
  const [defaults, log] = [section.get('defaults'), section.get('log')];
  const confD = section.get('conf_d') ?? 'conf.d';
  const config: Omit<Config, 'services'> = {
    file,
    confD: confD === false ? null : resolve(folder, confD),
    routerId: section.get('router_id') ?? null,
    stateDir: resolve(folder, section.get('state_dir') ?? '/var/lib/eip-health'),
    controlSocket: resolve(folder, section.get('control_socket') ?? '/run/eip-health/control.sock'),
    allow: allow ?? null,
    onStop: section.get('on_stop') ?? 'withdraw',
    onCrash: section.get('on_crash') ?? 'withdraw',
    settleTimeoutMs: section.get('settle_timeout') ?? 30_000,
    stopTimeoutMs: section.get('stop_timeout') ?? 20_000,
    stepTimeoutMs: section.get('step_timeout') ?? 2000,
    maxRunningChecks: section.get('max_running_checks') ?? 256,
    log: log ? readLog(log) : {level: 'info', format: 'auto', syslog: null},
    kernel: kernel ?? null,
    bgp: bgp ?? null,
    bird: bird ?? null,
    frr: frr ?? null,
    exabgp: exabgp ?? null,
    gobgp: gobgp ?? null,
  };
  const pacing = defaults ? readDefaults(defaults) : builtInPacing;
  checkMain(section, config);
  const stopTimeoutMs = section.isSound('stop_timeout') ? config.stopTimeoutMs : undefined;
  return {config, parts: {allow, kernel, bgp, bird, frr, exabgp, gobgp, stopTimeoutMs, pacing}};
}

type MainSection = Section<typeof mainKeys>;

/** null: absent; undefined: something is wrong in it. */
function soundly<T>(
  section: MainSection,
  name: keyof typeof mainKeys,
  value: Value | undefined,
  read: (value: Value) => T,
): T | null | undefined {
  if (!value) return section.isSound(name) ? null : undefined;
  const before = value.errorCount;
  const result = read(value);
  return value.errorCount === before ? result : undefined;
}

const logKeys = {
  level: key(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])),
  format: key(z.enum(['json', 'pretty', 'auto'])),
  syslog: part(),
};

function readLog(value: Value): LogConfig {
  const section = new Section(value, logKeys);
  const syslog = section.get('syslog');
  return {
    level: section.get('level') ?? 'info',
    format: section.get('format') ?? 'auto',
    syslog: syslog ? readSyslog(syslog) : null,
  };
}

/** sun_path of a unix socket has 108 bytes with the closing zero. */
const maxSocketPath = 107;

function checkMain(section: MainSection, config: Omit<Config, 'services'>): void {
  const bytes = Buffer.byteLength(config.controlSocket);
  if (bytes > maxSocketPath) {
    section
      .at('control_socket')
      .error(`the path has ${bytes} bytes, and a socket's at most ${maxSocketPath}`);
  }
  const losing = (config.bgp?.peers ?? []).filter(({gracefulRestart}) => !gracefulRestart);
  if (config.onStop === 'keep' && losing.length > 0) {
    const names = losing.map(({name}) => name).join(', ');
    section
      .at('on_stop')
      .warning(`without \`graceful_restart: true\` a stop ends what is announced to ${names} all the same`);
  }
  const restartMs = shortestRestartMs(config.bgp);
  if (restartMs !== null && config.settleTimeoutMs > restartMs) {
    const [settle, restart] = [config.settleTimeoutMs, restartMs].map(formatDuration);
    section
      .at('settle_timeout')
      .warning(
        `${settle} is longer than the \`restart_time\` of ${restart}: after a restart peers may drop routes of services that have not settled`,
      );
  }
  if (
    !['bgp', 'bird', 'frr', 'exabgp', 'gobgp', 'kernel'].some((name) => section.has(name as 'bgp')) &&
    section.value.isMapping
  ) {
    section.value.warning(
      'none of `bgp`, `bird`, `frr`, `exabgp`, `gobgp` and `kernel` is configured: nothing will be announced',
    );
  }
  const {stepTimeoutMs, stopTimeoutMs} = config;
  if (stepTimeoutMs > stopTimeoutMs && section.isSound('step_timeout', 'stop_timeout')) {
    const place = section.at(section.has('step_timeout') ? 'step_timeout' : 'stop_timeout');
    place.warning(
      `step_timeout (${formatDuration(stepTimeoutMs)}) is longer than stop_timeout (${formatDuration(stopTimeoutMs)})`,
    );
  }
}

/**
 * The folder of service files that the main document names, with its place, or `conf.d` beside the file, with line 0.
 * `path` null: none.
 */
export function confFolder(
  value: Value | null,
  file: string,
): {readonly path: string | null; readonly line: number; readonly column: number} {
  const written = value?.fields().find((field) => field.key === 'conf_d')?.value;
  const name = written?.plain();
  const isNamed = typeof name === 'string' && name !== '';
  const {line, column} = written && isNamed ? written.position : wholeFile;
  return {path: name === false ? null : resolve(dirname(file), isNamed ? name : 'conf.d'), line, column};
}

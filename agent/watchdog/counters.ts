/**
 * What one `watchdog --once` leaves for the next in `state_dir/watchdog.json`: the states of its services with their
 * counts, what is announced, and what was complained of. Dropped when the boot is another one, when another command had
 * the say meanwhile (`forgetCounters`), or when it is old; of a single service when its checks are configured otherwise.
 */

import {createHash} from 'node:crypto';
import {join} from 'node:path';
import {z} from 'zod';
import type {ServiceConfig} from '../config/types.js';
import {readFileIfThere, removeFile, writeFileAtomic} from '../io/state-file.js';
import {initialCheckState, initialServiceState} from '../service/state.js';
import type {Clock, JsonObject, ServiceState} from '../types.js';

const count = z.int().min(0);
const settled = z.enum(['unknown', 'up', 'degraded', 'down']);

const checkSchema = z.object({
  settled,
  run: z
    .object({of: z.enum(['pass', 'degraded', 'fail']), length: count, passes: count, degraded: count})
    .nullable(),
  /** ISO 8601, as every time here. */
  error_since: z.iso.datetime().nullable(),
  memory: z.record(z.string(), z.json()).nullable(),
});

const serviceSchema = z.object({
  /** Of its checks' configuration. */
  hash: z.string(),
  settled,
  admin: z.enum(['enabled', 'drained', 'disabled', 'forced-up']),
  since: z.iso.datetime(),
  reason: z.string(),
  was_up: z.boolean(),
  checks: z.record(z.string(), checkSchema),
});

const fileSchema = z.object({
  schema: z.literal(1),
  boot_id: z.string(),
  written: z.iso.datetime(),
  /** Between this writing and the one before; null: there was none. */
  gap_ms: count.nullable(),
  services: z.record(z.string(), serviceSchema),
  /** Announcer → prefixes that it was seen to announce. */
  announced: z.record(z.string(), z.array(z.string())),
  /** Complaints that were said and are true still. */
  said: z.array(z.string()),
});

type KeptService = z.infer<typeof serviceSchema>;

export interface Counters {
  /** The state that the service was left in; null: it has to prove itself anew. */
  resume(config: ServiceConfig): ServiceState | null;
  /** What a check wanted to be remembered; null: nothing. */
  memoryOf(service: string, check: string): JsonObject | null;
  readonly announced: Readonly<Record<string, readonly string[]>>;
  readonly said: readonly string[];
  /** Replaces what is kept. Throws when it cannot be written; what was kept is then still there. */
  keep(now: {
    readonly services: readonly {readonly config: ServiceConfig; readonly state: ServiceState}[];
    readonly memoryOf: (service: ServiceState['name'], check: string) => JsonObject | null;
    readonly announced: Readonly<Record<string, readonly string[]>>;
    readonly said: readonly string[];
  }): void;
}

/** Counts this old say nothing any more, unless rounds are far apart: then three times what lies between two. */
const oldAfterMs = 10 * 60_000;

/** What is damaged, old or of another boot is as good as nothing. Throws when the file is there and cannot be read. */
export function openCounters(stateDir: string, bootId: string, clock: Clock): Counters {
  const file = fileOf(stateDir);
  const startedAt = clock.wallMs();
  const written = parsed(readFileIfThere(file));
  const ageMs = written ? startedAt - Date.parse(written.written) : null;
  const isOld = ageMs === null || ageMs < 0 || ageMs > Math.max(oldAfterMs, 3 * (written?.gap_ms ?? 0));
  const kept = written?.boot_id === bootId && !isOld ? written : null;
  // How far apart rounds are is known also where what they counted is not of use.
  const gapMs = ageMs === null || ageMs < 0 ? null : ageMs;

  const keptOf = (config: ServiceConfig): KeptService | null => {
    const service = kept?.services[config.name];
    return service?.hash === hashOf(config) ? service : null;
  };

  return {
    resume(config) {
      const service = keptOf(config);
      return service && stateOf(config, service, clock);
    },
    memoryOf: (service, check) => kept?.services[service]?.checks[check]?.memory ?? null,
    announced: kept?.announced ?? {},
    said: kept?.said ?? [],
    keep({announced, memoryOf, said, services}) {
      const content: z.infer<typeof fileSchema> = {
        schema: 1,
        boot_id: bootId,
        written: isoTime(clock.wallMs()),
        gap_ms: gapMs === null ? null : Math.round(gapMs),
        services: Object.fromEntries(
          services.map(({config, state}) => [config.name, keptAs(config, state, memoryOf, clock)]),
        ),
        announced: Object.fromEntries(
          Object.entries(announced).map(([name, prefixes]) => [name, [...prefixes]]),
        ),
        said: [...said],
      };
      writeFileAtomic(file, `${JSON.stringify(content)}\n`);
    },
  };
}

/** From now on another has the say: what was counted up to here is of no use. Throws when it cannot be removed. */
export function forgetCounters(stateDir: string): void {
  removeFile(fileOf(stateDir));
}

function stateOf(config: ServiceConfig, kept: KeptService, clock: Clock): ServiceState {
  const now = {mono: clock.now(), wall: clock.wallMs()};
  return {
    ...initialServiceState(config, now.wall),
    settled: kept.settled,
    admin: kept.admin,
    since: Date.parse(kept.since),
    reason: kept.reason,
    wasUp: kept.was_up,
    checks: config.checks.map(({name}) => {
      const check = kept.checks[name];
      if (!check) return initialCheckState(name);
      const {error_since, run, settled} = check;
      const errorSince = error_since === null ? null : now.mono - (now.wall - Date.parse(error_since));
      return {...initialCheckState(name), settled, run, errorSince};
    }),
  };
}

function keptAs(
  config: ServiceConfig,
  {admin, checks, name, reason, settled, since, wasUp}: ServiceState,
  memoryOf: Parameters<Counters['keep']>[0]['memoryOf'],
  clock: Clock,
): KeptService {
  const wallOf = (mono: number): string => isoTime(clock.wallMs() - (clock.now() - mono));
  const keptChecks = checks.map(({errorSince, name: check, run, settled}) => {
    const since = errorSince === null ? null : wallOf(errorSince);
    // Nothing of what a check learned was ever anything but JSON.
    const memory = memoryOf(name, check) as z.infer<typeof checkSchema>['memory'];
    return [check, {settled, run, error_since: since, memory}] as const;
  });
  return {
    hash: hashOf(config),
    settled,
    admin,
    since: isoTime(since),
    reason,
    was_up: wasUp,
    checks: Object.fromEntries(keptChecks),
  };
}

/** Of everything that results mean: what is checked, how it is counted, and what they come to together. */
function hashOf({checks, require}: ServiceConfig): string {
  return createHash('sha256')
    .update(JSON.stringify([checks, require]))
    .digest('hex')
    .slice(0, 16);
}

function parsed(text: string | null): z.infer<typeof fileSchema> | null {
  try {
    return fileSchema.safeParse(JSON.parse(text ?? 'null')).data ?? null;
  } catch {
    return null;
  }
}

function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

function fileOf(stateDir: string): string {
  return join(stateDir, 'watchdog.json');
}

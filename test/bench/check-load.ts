/** A process that runs checks at a fixed rate, with the real agent or in a bare loop, and says what that cost it. */

import {Agent} from '../../agent/agent.js';
import {parseConfig} from '../../agent/config/parse.js';
import type {CheckConfig, Config} from '../../agent/config/types.js';
import {createBus} from '../../agent/events/bus.js';
import {createLog} from '../../agent/events/log.js';
import {systemClock as clock} from '../../agent/io/clock.js';
import {systemCron} from '../../agent/io/cron.js';
import {systemEffects} from '../../agent/io/effects.js';
import {standardOutput} from '../../agent/io/output.js';
import {createCheck} from '../../checks/index.js';
import {checkConfig, serviceConfig} from '../fake/config.js';
import {type BareRun, bareConnect, bareExec, bareHttp} from './lib/bare-clients.js';
import {now, pause} from './lib/clock.js';
import {serve} from './lib/helper.js';
import {hostPrefixes} from './lib/prefixes.js';

export type Client = 'got' | 'net.connect' | 'execa';

export interface Load {
  readonly client: Client;
  /** Of the server; nothing for execa. */
  readonly port: number;
  readonly perSecond: number;
  /** Between two runs of one check. */
  readonly intervalMs: number;
}

export interface Measured {
  readonly ms: number;
  /** User and system time of this process. */
  readonly cpuMs: number;
  readonly runs: number;
  /** Runs that did not pass. */
  readonly failed: number;
  /** Of the agent: runs that should have begun and did not. */
  readonly missed: number;
}

export interface CheckLoadApi {
  agent(load: Load): void;
  bare(load: Load): void;
  measure(ms: number): Measured;
}

let runs = 0;
let failed = 0;
let missed = (): number => 0;

serve<CheckLoadApi>({
  async agent(load) {
    const bus = createBus();
    bus.on((event) => {
      if (event.kind !== 'check-result') return;
      runs++;
      if (event.result.verdict !== 'pass') failed++;
    });
    const config = configOf(load);
    const output = standardOutput(clock);
    bus.on(createLog({config: {...config.log, level: 'warn'}, output, clock, color: false}).sink);
    const agent = new Agent({
      config,
      effects: systemEffects(),
      cron: systemCron,
      createCheck,
      addresses: null,
      announcers: [],
      adopt: false,
      emit: bus.emit,
    });
    missed = () => {
      const checks = agent.services.flatMap(({state}) => state.checks);
      return checks.reduce((sum, check) => sum + check.missed, 0);
    };
    await agent.start();
  },
  bare({client, port, perSecond}) {
    const run = bareRun(client, port);
    const began = now();
    let begun = 0;
    setInterval(() => {
      const due = Math.floor(((now() - began) * perSecond) / 1000);
      for (; begun < due; begun++) void count(run);
    }, 1);
  },
  async measure(ms) {
    const before = {at: now(), cpu: process.cpuUsage(), runs, failed, missed: missed()};
    await pause(ms);
    const {system, user} = process.cpuUsage(before.cpu);
    return {
      ms: now() - before.at,
      cpuMs: (user + system) / 1000,
      runs: runs - before.runs,
      failed: failed - before.failed,
      missed: missed() - before.missed,
    };
  },
});

async function count(run: BareRun): Promise<void> {
  const passed = await run();
  runs++;
  if (!passed) failed++;
}

function bareRun(client: Client, port: number): BareRun {
  if (client === 'execa') return bareExec();
  return client === 'got' ? bareHttp(port) : bareConnect(port);
}

/** Many services with one check each, as many as it takes for the rate. */
function configOf(load: Load): Config {
  const {config} = parseConfig(
    {main: {file: '/nowhere/eip-health.yaml', text: '{}'}, services: []},
    () => '',
  );
  if (!config) throw new Error('the empty configuration is broken');
  const prefixes = hostPrefixes(Math.round((load.perSecond * load.intervalMs) / 1000));
  const checks = [checkOf(load)];
  return {
    ...config,
    services: prefixes.map((prefix, i) =>
      serviceConfig(`service-${i}`, [prefix], {checks, addressMode: 'never'}),
    ),
  };
}

function checkOf({client, intervalMs, port}: Load): CheckConfig {
  const [type, options] = {
    got: ['http', {url: `http://127.0.0.1:${port}/healthz`}] as const,
    'net.connect': ['tcp', {host: '127.0.0.1', port}] as const,
    execa: ['script', {command: ['/bin/true']}] as const,
  }[client];
  return checkConfig({name: type, type, options, intervalMs, fastIntervalMs: intervalMs, timeoutMs: 1000});
}

/**
 * `npm start`: the real agent on the shipped configuration, with a route collector and a sample service around it,
 * all on this machine. One round: the service comes up, its route arrives; the service dies, the route is withdrawn.
 */

import {fileURLToPath} from 'node:url';
import {startChild} from '../io/child.js';
import {systemClock as clock} from '../io/clock.js';
import {type HttpServer, serveHttp} from '../io/http-server.js';
import {processTerminal} from '../io/terminal.js';
import {startCollector} from './collector.js';
import {Signals} from './round.js';
import {Screen} from './screen.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const service = {host: '127.0.0.1', port: 8080};
const collectorAt = {host: '127.0.0.1', port: 1790, localAs: 64500, routerId: '127.0.0.2'};
const stepTimeoutMs = 20_000;
const restMs = 3000;

/** What is read of a line of the agent's log. */
interface LogLine {
  readonly msg: string;
  readonly time: string;
}

type Happening = 'route' | 'withdrawal' | 'established' | 'interrupt';

/** Plays rounds until Ctrl-C, or one with `once`. True if every route that should came and went. */
async function play(once: boolean): Promise<boolean> {
  const terminal = processTerminal();
  const screen = new Screen((text) => terminal.out(text), terminal.color, clock);
  const {bold, dim, green, red} = screen.style;
  const signals = new Signals<Happening>(clock);
  let interrupted = false;
  terminal.onInterrupt(() => {
    interrupted = true;
    for (const name of ['interrupt', 'route', 'withdrawal', 'established'] as const)
      signals.happened(name, Number.NaN);
  });

  const isRoot = process.getuid?.() === 0;
  screen.plain(
    `${bold('eip-health')}: one round is: a service comes up, its route arrives; it dies, the route goes.`,
  );
  screen.plain(
    isRoot
      ? dim('You are root: the address really goes on lo. Ctrl-C ends it and takes everything off again.')
      : dim('Without root the kernel is left alone: what would be done there is only said. Ctrl-C ends it.'),
  );
  screen.plain();

  const taken = (what: string, error: unknown): void => {
    screen.say('demo', red(`${what}: ${error instanceof Error ? error.message : String(error)}`));
    screen.say('demo', 'does another npm start, or another program, use that port? end it and try again');
  };
  const collector = await startCollector({...collectorAt}, (event) => {
    if (event.kind === 'established') {
      screen.say('collector', 'BGP session with the agent established');
      signals.happened('established', event.at);
    } else if (event.kind === 'closed') {
      screen.say('collector', 'BGP session closed');
    } else if (event.kind === 'announced') {
      screen.say(
        'collector',
        `${green('+')} ${bold(event.prefix ?? '')} next hop ${event.nextHop ?? 'none'}`,
      );
      signals.happened('route', event.at);
    } else {
      screen.say('collector', `${red('-')} ${bold(event.prefix ?? '')} withdrawn`);
      signals.happened('withdrawal', event.at);
    }
  }).catch((error: unknown) => taken('the collector cannot listen', error));
  if (!collector) {
    screen.flush();
    await terminal.drained();
    return false;
  }
  screen.say('collector', `listens on ${collectorAt.host}:${collector.port}, AS ${collectorAt.localAs}`);

  const config = `${root}agent/demo/eip-health.yaml`;
  const scope = isRoot ? [] : ['--dry-run', 'kernel'];
  const agent = startChild(
    `${root}bin/eip-health`,
    ['run', '--json', '--config', config, ...scope],
    (line) => {
      const {msg, time} = JSON.parse(line) as LogLine;
      const isKernel = /^(would )?(add|remove) /.test(msg);
      screen.say(isKernel ? 'kernel' : 'agent', msg, Date.parse(time));
    },
  );
  let agentEnded = false;
  void agent.ended.then(() => {
    agentEnded = true;
    for (const name of ['route', 'withdrawal', 'established', 'interrupt'] as const)
      signals.happened(name, Number.NaN);
  });

  let good = true;
  let running: HttpServer | null = null;
  const stopService = async (): Promise<void> => {
    await running?.close();
    running = null;
  };
  if ((await signals.next('established', stepTimeoutMs)) === null) good = false;
  do {
    if (interrupted || agentEnded) break;
    const route = signals.next('route', stepTimeoutMs);
    running = await serveHttp(service, () => ({status: 200, text: 'ok\n'})).catch((error: unknown) => {
      taken('the service cannot listen', error);
      return null;
    });
    if (!running) {
      good = false;
      break;
    }
    const born = clock.now();
    screen.say('service', `${green('comes up')} on http://${service.host}:${service.port}/healthz`);
    const arrived = await route;
    if (interrupted || agentEnded) break;
    if (arrived === null) {
      screen.say('demo', red(`no route within ${stepTimeoutMs / 1000} s`));
      good = false;
    } else {
      screen.say('demo', `up to route at the collector: ${bold(`${Math.round(arrived - born)} ms`)}`);
    }
    await signals.next('interrupt', restMs);
    if (interrupted || agentEnded) break;

    const withdrawal = signals.next('withdrawal', stepTimeoutMs);
    screen.say('service', `${red('dies')}: its port is closed`);
    const died = clock.now();
    await stopService();
    const gone = await withdrawal;
    if (interrupted || agentEnded) break;
    if (gone === null) {
      screen.say('demo', red(`no withdrawal within ${stepTimeoutMs / 1000} s`));
      good = false;
    } else {
      screen.say('demo', `death to withdrawal at the collector: ${bold(`${Math.round(gone - died)} ms`)}`);
    }
    screen.plain();
    if (!once) await signals.next('interrupt', restMs);
  } while (!once);

  if (agentEnded) good = false;
  agent.kill('SIGTERM');
  await agent.ended;
  await stopService();
  await collector.stop();
  screen.flush();
  await terminal.drained();
  return good || (interrupted && !once);
}

const unknown = process.argv.slice(2).filter((argument) => argument !== '--once');
if (unknown.length > 0) {
  process.stderr.write(`npm start: unknown argument ${unknown.join(' ')}: there is only --once\n`);
  process.exit(2);
}
process.exit((await play(process.argv.includes('--once'))) ? 0 : 1);

import {setMaxListeners} from 'node:events';
import type {Command} from 'commander';
import {loadConfig} from '../config/load.js';
import type {Config, ServiceConfig} from '../config/types.js';
import type {Terminal} from '../io/terminal.js';
import {printable} from '../lib/printable.js';
import {type Styles, styleOfWord, styles} from '../lib/styles.js';
import {didYouMeanOneOf} from '../lib/suggest.js';
import {Slots} from '../service/slots.js';
import {type CheckOutcome, runService, type ServiceOutcome} from './check-run.js';
import {type Done, examples, invocation, jsonText, withCommonOptions} from './command.js';
import {CommandError, exitCode} from './outcome.js';
import {problemLines} from './problems.js';

export function addCheck(program: Command, terminal: Terminal, done: Done): void {
  const command = program
    .command('check')
    .summary('run the checks once, now')
    .argument('[service...]', 'only these (default: all)')
    .description(
      'Run every check once, now, and show verdict, time and what was sent and received. Needs no daemon. ' +
        'The exit code is 0 if every service would count as pass or degraded.',
    );
  withCommonOptions(command, 'print the results as JSON')
    .addHelpText(
      'after',
      examples(['eip-health check', 'all services'], ['eip-health check web', 'one of them']),
    )
    .action(async (names: string[], _options, command: Command) => {
      const {configFile, json} = invocation(command, terminal);
      const {config, problems, broken} = loadConfig({configFile});
      const errors = problems.filter(({severity}) => severity === 'error');
      terminal.err(problemLines(errors, terminal.errColor));
      if (config === null) return done(exitCode.config);
      const services = chosen(config, names, new Set(broken.map(({name}) => String(name))));

      // Loaded here, so that the other commands start without the clients of the checks.
      const {systemEffects} = await import('../io/effects.js');
      const effects = systemEffects();
      const interrupted = new AbortController();
      // Every check that runs listens to it.
      setMaxListeners(0, interrupted.signal);
      const cancel = terminal.onInterrupt(() => interrupted.abort());
      const slots = new Slots(config.maxRunningChecks);
      const outcomes: ServiceOutcome[] = [];
      const running = services.map((service) => runService(service, effects, slots, interrupted.signal));
      for (const run of running) {
        const outcome = await run;
        if (interrupted.signal.aborted) break;
        outcomes.push(outcome);
        if (!json) terminal.out(outcomeText(outcome, styles(terminal.color)));
      }
      cancel();
      if (interrupted.signal.aborted) return done(exitCode.ok);
      if (json) terminal.out(jsonText(outcomes.map(toJson)));
      const healthy = outcomes.every(({verdict}) => verdict === 'pass' || verdict === 'degraded');
      const complete = names.length > 0 || errors.length === 0;
      done(!healthy ? exitCode.no : complete ? exitCode.ok : exitCode.config);
    });
}

function chosen(
  config: Config,
  names: readonly string[],
  broken: ReadonlySet<string>,
): readonly ServiceConfig[] {
  if (names.length === 0) return config.services;
  const byName = new Map(config.services.map((service): [string, ServiceConfig] => [service.name, service]));
  return [...new Set(names)].map((name) => {
    const service = byName.get(name);
    if (service) return service;
    if (broken.has(name))
      throw new CommandError(exitCode.config, `the configuration of "${name}" is broken, see above`);
    throw new CommandError(
      exitCode.usage,
      `there is no service "${name}"${didYouMeanOneOf(name, [...byName.keys()])}`,
    );
  });
}

function outcomeText({service, verdict, checks}: ServiceOutcome, style: Styles): string {
  const width = Math.max(...checks.map(({config}) => config.name.length));
  const lines = checks.flatMap((check) => checkLines(check, width, style));
  return `${style.bold(service.name)} ${coloured(verdict, style)}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function checkLines({config, title, result}: CheckOutcome, width: number, style: Styles): string[] {
  const {verdict, reason, durationMs, transcript} = result;
  return [
    `${config.name.padEnd(width)}  ${coloured(verdict, style)}  ${printable(reason)}  ${style.dim(took(durationMs))}`,
    `  ${style.dim(printable(title))}`,
    ...transcript.map((line) => `  ${style.dim(`| ${printable(line)}`)}`),
  ];
}

function coloured(verdict: string, style: Styles): string {
  return style[styleOfWord(verdict)](verdict);
}

function took(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

function toJson({service, verdict, checks}: ServiceOutcome) {
  return {
    service: service.name,
    verdict,
    checks: checks.map(({config, title, result}) => ({
      name: config.name,
      type: config.type,
      title,
      verdict: result.verdict,
      reason: result.reason,
      duration_ms: Math.round(result.durationMs * 1000) / 1000,
      details: result.details,
      transcript: result.transcript,
    })),
  };
}

/** Parses texts as if they were files, with check types of the test's own. */

import {z} from 'zod';
import {type ParseOptions, type ParseResult, parseConfig} from '../../agent/config/parse.js';
import {formatProblem} from '../../agent/config/report.js';
import type {Config, ServiceConfig} from '../../agent/config/types.js';
import type {Check} from '../../agent/types.js';
import type {CheckType} from '../../checks/check-type.js';

/** Three types that have every shape of option: text, numbers, lists, mappings, unions, secrets. */
export const fakeCheckTypes: ReadonlyMap<string, CheckType> = new Map<string, CheckType>([
  fake({
    type: 'http',
    schema: z.strictObject({
      url: z.url({protocol: /^https?$/, error: 'must be a URL like http://127.0.0.1:8080/healthz'}),
      method: z.enum(['GET', 'HEAD', 'POST']).optional(),
      headers: z.record(z.string(), z.string()).optional(),
      expect_status: z.union([z.string(), z.int().min(100).max(599)]).optional(),
      expect_header: z.strictObject({name: z.string(), regex: z.string()}).optional(),
    }),
    connectsTo: ({url}) => [new URL(url).hostname],
    withoutSecrets: (options) =>
      options.headers
        ? {
            ...options,
            headers: Object.fromEntries(Object.keys(options.headers).map((name) => [name, '[secret]'])),
          }
        : options,
  }),
  fake({
    type: 'tcp',
    schema: z.strictObject({host: z.string(), port: z.int().min(1).max(65535)}),
    connectsTo: ({host}) => [host],
  }),
  fake({
    type: 'script',
    schema: z.strictObject({
      command: z.union([z.string().min(1), z.array(z.string()).min(1)]),
      exit_map: z.record(z.string(), z.enum(['pass', 'degraded', 'fail'])).optional(),
    }),
  }),
]);

function fake<Options extends object>(type: Omit<CheckType<Options>, 'create'>): [string, CheckType] {
  const create = (): Check => {
    throw new Error('no check of a fake type ever runs');
  };
  // A map of check types cannot say that each takes only its own options: `config/parse` sees to it.
  return [type.type, {...type, create} as unknown as CheckType];
}

export interface Texts {
  readonly main?: string;
  /** File name → text. */
  readonly files?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
}

export const bgpMain = `
bgp:
  local_as: 64512
  peers: [{name: r1, address: 10.0.0.1, remote_as: 64601, multihop: true}]
`;

/** Files lie in /etc/eip-health, services in conf.d below it. */
export function parseTexts(
  {main = bgpMain, files = {}, secrets = {}}: Texts,
  options: ParseOptions = {},
): ParseResult {
  const services = Object.entries(files).map(([file, text]) => ({
    file: `/etc/eip-health/conf.d/${file}`,
    text,
  }));
  const readFile = (path: string): string => {
    const text = secrets[path];
    if (text === undefined) throw new Error(`cannot read ${path}: no such file`);
    return text;
  };
  const sources = {main: {file: '/etc/eip-health/eip-health.yaml', text: main}, services};
  return parseConfig(sources, readFile, {checkTypes: fakeCheckTypes, ...options});
}

/** The configuration of texts that must be sound; throws with the problems when they are not. */
export function configOf(texts: Texts, options: ParseOptions = {}): Config {
  const {config, problems} = parseTexts(texts, options);
  const errors = problems.filter(({severity}) => severity === 'error');
  if (!config || errors.length > 0) throw new Error(errors.map(formatProblem).join('\n'));
  return config;
}

/** The one service of a text under a main file. */
export function serviceOf(text: string, main = bgpMain): ServiceConfig {
  const [service] = configOf({main, files: {'web.yaml': text}}).services;
  if (!service) throw new Error('no service came of it');
  return service;
}

/** Finds the configuration's files, reads them and hands their texts to `parseConfig`. */

import {dirname, join, resolve} from 'node:path';
import {exists, fileMode, listFolder, readConfigText} from '../io/config-files.js';
import type {CheckTypes} from './check-schema.js';
import {confFolder} from './main-schema.js';
import {type ConfigSource, type ParseOptions, type ParseResult, parseConfig} from './parse.js';
import type {Config, Problem} from './types.js';
import {readYaml} from './yaml-text.js';

export interface LoadOptions extends Pick<ParseOptions, 'generate' | 'pacing'> {
  /** What `--config` names; else `./eip-health.yaml`, else the one in /etc. */
  readonly configFile?: string | undefined;
  /** At a reload: what runs now. */
  readonly previous?: Config | null;
  readonly checkTypes?: CheckTypes;
  /** Where `./eip-health.yaml` is looked for and relative names begin; default: the working directory. */
  readonly cwd?: string;
}

export interface LoadResult extends ParseResult {
  /** Every file that was read or should have been: the main file first, then the services in their order. */
  readonly files: readonly string[];
}

const systemFile = '/etc/eip-health/eip-health.yaml';

/** Never throws: what cannot be read is among the problems. */
export function loadConfig(options: LoadOptions = {}): LoadResult {
  const {cwd = process.cwd(), previous = null, checkTypes, generate, pacing} = options;
  const local = resolve(cwd, 'eip-health.yaml');
  const file =
    options.configFile === undefined
      ? exists(local)
        ? local
        : systemFile
      : resolve(cwd, options.configFile);
  if (options.configFile === undefined && !exists(file)) {
    return nothing(
      file,
      `there is no configuration, here or in ${local}: write one, or name it with --config`,
    );
  }
  const main = read(file);
  const services = 'text' in main ? serviceFiles(main, previous) : {files: [], problem: null};
  const result = parseConfig({main, services: services.files.map(read)}, readConfigText, {
    fileMode,
    previous,
    ...(checkTypes && {checkTypes}),
    ...(generate && {generate}),
    ...(pacing && {pacing}),
  });
  const files = [file, ...services.files];
  if (services.problem) {
    return {...result, config: null, problems: [services.problem, ...result.problems], files};
  }
  if (generate) return {...result, files};
  return {...result, problems: [...result.problems, ...emptiness(result, file)], files};
}

/** Files of a folder of services, in the order in which they count. */
export function serviceFileNames(names: readonly string[]): readonly string[] {
  return names.filter((name) => /^[^.].*\.ya?ml$/.test(name)).sort();
}

function read(file: string): ConfigSource {
  try {
    return {file, text: readConfigText(file)};
  } catch (error) {
    return {file, error: error instanceof Error ? error.message : String(error)};
  }
}

function serviceFiles(
  {file, text}: {file: string; text: string},
  previous: Config | null,
): {files: readonly string[]; problem: Problem | null} {
  const folder = confFolder(readYaml(file, text, () => 'main')[0]?.root ?? null, file);
  if (folder.path === null) return {files: [], problem: null};
  const {path, line, column} = folder;
  try {
    const names = listFolder(path);
    if (names === null) {
      // Only the folder that nobody named may be absent: a reload must not take a lost mount for "no services".
      const wasThere = previous?.services.some(({file: from}) => dirname(from) === path) ?? false;
      const remedy = wasThere ? ', and services of it run: empty it, or write `conf_d: false`' : '';
      if (line > 0 || wasThere) throw new Error(`cannot read ${path}: no such folder${remedy}`);
    }
    return {files: serviceFileNames(names ?? []).map((name) => join(path, name)), problem: null};
  } catch (error) {
    const message = `conf_d: ${error instanceof Error ? error.message : String(error)}`;
    return {files: [], problem: {severity: 'error', file, line, column, message, scope: 'main'}};
  }
}

function emptiness({config, broken}: ParseResult, file: string): readonly Problem[] {
  if (config === null || config.services.length + broken.length > 0) return [];
  const where = config.confD === null ? 'behind `---` in this file' : `as *.yaml in ${config.confD}`;
  const message = `there are no services: write them ${where}`;
  return [{severity: 'warning', file, line: 0, column: 0, message, scope: 'main'}];
}

function nothing(file: string, message: string): LoadResult {
  const problem: Problem = {severity: 'error', file, line: 0, column: 0, message, scope: 'main'};
  return {config: null, problems: [problem], broken: [], files: [file]};
}

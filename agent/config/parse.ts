/** From the texts of the configuration files to the frozen value, with everything that is wrong with them. Pure. */

import {checkTypes as builtInCheckTypes} from '../../checks/index.js';
import type {Prefix, ServiceName} from '../types.js';
import type {CheckTypes} from './check-schema.js';
import {type Claimant, settleClaims} from './claims.js';
import {freeze} from './freeze.js';
import {readMain, unknownMain} from './main-schema.js';
import type {ConfigFiles} from './password.js';
import {Report, wholeFile} from './report.js';
import {checkMeaning} from './service-meaning.js';
import {type ReadService, readService} from './service-schema.js';
import type {Pacing} from './timing.js';
import type {Config, Problem, ServiceConfig} from './types.js';
import {readYaml, type YamlDocument} from './yaml-text.js';

/** A file's text, or why there is none. */
export type ConfigSource =
  | {readonly file: string; readonly text: string}
  | {readonly file: string; readonly error: string};

export interface ConfigSources {
  /** The daemon; further documents in it (`---`) are services. */
  readonly main: ConfigSource;
  /** In the order in which they count. */
  readonly services: readonly ConfigSource[];
}

export interface ParseOptions {
  readonly checkTypes?: CheckTypes;
  readonly fileMode?: ConfigFiles['fileMode'];
  /** What runs now: at a reload its services keep their names and prefixes, and stay when their document breaks. */
  readonly previous?: Config | null;
  /** Takes the place of what `defaults:` says, where a service says nothing of its own. */
  readonly pacing?: Partial<Pacing>;
  /** Makes more documents, behind all files; it gets the prefixes that files ask for. */
  readonly generate?: (named: ReadonlySet<Prefix>) => readonly ConfigSource[];
}

/** A document that cannot be used. */
export interface BrokenService {
  /** null: it could not be found out. */
  readonly name: ServiceName | null;
  readonly file: string;
  /** From 1; 0 where the whole file is meant. */
  readonly line: number;
}

export interface ParseResult {
  /** null: the main file is broken. Broken services are left out, or at a reload as they were. */
  readonly config: Config | null;
  /** In the order of the files, then of their lines. */
  readonly problems: readonly Problem[];
  readonly broken: readonly BrokenService[];
}

interface ServiceDocument extends Partial<Claimant> {
  readonly report: Report;
  readonly line: number;
}

/** Never throws; `readFile` may, with the reason as message (it is asked for `password_file`). */
export function parseConfig(
  sources: ConfigSources,
  readFile: ConfigFiles['readFile'],
  {checkTypes = builtInCheckTypes, fileMode, generate, pacing, previous = null}: ParseOptions = {},
): ParseResult {
  const files: ConfigFiles = {readFile, ...(fileMode && {fileMode})};
  const [first, ...inMain] = documentsOf(sources.main, (index) => (index === 0 ? 'main' : 'service'));
  const mainDocument = first?.isEmpty ? readYaml(sources.main.file, '{}', () => 'main')[0] : first;
  const main = mainDocument?.root ? readMain(mainDocument.root, sources.main.file, files) : null;
  const written = main?.parts ?? unknownMain;
  const parts = {...written, pacing: {...written.pacing, ...pacing}};
  const read = ({report, root, start}: YamlDocument, isNamedByFile: boolean): ServiceDocument => {
    if (!root) return {report, line: start.line};
    const service = readService(
      root,
      {file: report.file, line: start.line, isNamedByFile},
      parts,
      checkTypes,
    );
    checkMeaning(service, parts);
    return {report, line: start.line, read: service};
  };
  const readFrom = (source: ConfigSource): readonly ServiceDocument[] =>
    documentsOf(source, () => 'service')
      .filter(({isEmpty}) => !isEmpty)
      .map((document) => read(document, true));
  const inFiles = [
    ...inMain.filter(({isEmpty}) => !isEmpty).map((document) => read(document, false)),
    ...sources.services.flatMap(readFrom),
  ];
  const named = new Set(inFiles.flatMap((service) => service.read?.prefixes.map(({prefix}) => prefix) ?? []));
  const services = [...inFiles, ...(generate?.(named) ?? []).flatMap(readFrom)];
  const running = new Map(previous?.services.map((service) => [service.name, service]));
  settleClaims(services.filter(isReadable), keptServices(services, previous), running);
  const sound = services.filter(isReadable).filter(({report}) => !report.isBroken);
  const together = [...sound.map((service) => service.read.config), ...keptServices(services, previous)];
  const reports = [...(mainDocument ? [mainDocument.report] : []), ...services.map(({report}) => report)];
  const problems = reports.flatMap(({problems: found}) => inOrder(found));
  const isUsable = main !== null && mainDocument !== undefined && !mainDocument.report.isBroken;
  const config = isUsable ? freeze({...main.config, services: together}) : null;
  const broken = services
    .filter(({report}) => report.isBroken)
    .map(({read: service, report, line}) => ({name: service?.name ?? null, file: report.file, line}));
  return {config, problems, broken};
}

function documentsOf(
  source: ConfigSource,
  scopeOf: (index: number) => Problem['scope'],
): readonly YamlDocument[] {
  if ('error' in source) {
    const report = new Report(source.file, scopeOf(0));
    report.add('error', wholeFile, source.error);
    return [{report, root: null, start: wholeFile, isEmpty: false}];
  }
  return readYaml(source.file, source.text, scopeOf);
}

function isReadable(service: ServiceDocument): service is ServiceDocument & {readonly read: ReadService} {
  return service.read !== undefined;
}

/**
 * Services that run and whose documents are broken now. A broken document without a name, or with a new one, may be
 * any service of its file that no sound document describes.
 */
function keptServices(
  services: readonly ServiceDocument[],
  previous: Config | null,
): readonly ServiceConfig[] {
  if (!previous) return [];
  const sound = new Set(services.filter(({report}) => !report.isBroken).map(({read}) => read?.name));
  const broken = services.filter(({report}) => report.isBroken);
  const names = new Set(broken.map(({read}) => read?.name));
  const known = new Set(previous.services.map(({name}) => name));
  const isUnknown = ({read}: ServiceDocument): boolean => !read?.name || !known.has(read.name);
  const files = new Set(broken.filter(isUnknown).map(({report}) => report.file));
  return previous.services.filter(({name, file}) => !sound.has(name) && (names.has(name) || files.has(file)));
}

/** By line and column; the same thing said twice (by two checks of one service) once. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const seen = new Set<string>();
  const once = problems.filter(({line, column, message}) => {
    const key = `${line}:${column}:${message}`;
    return !seen.has(key) && seen.add(key);
  });
  return once.sort((a, b) => a.line - b.line || a.column - b.column);
}

/** From the text of a file to YAML documents whose every value knows where it stands. Never throws. */

import {
  type Alias,
  Composer,
  type CST,
  type Document,
  isAlias,
  isCollection,
  isPair,
  isScalar,
  LineCounter,
  Parser,
  type YAMLError,
} from 'yaml';
import {type Position, Report} from './report.js';
import type {Problem} from './types.js';
import {Value, type YamlNode} from './value.js';

/** One document of a file; `root` is null where its text cannot be understood. */
export interface YamlDocument {
  readonly report: Report;
  readonly root: Value | null;
  readonly start: Position;
  readonly isEmpty: boolean;
}

export const maxTextLength = 16 * 1024 * 1024;
/** Deeper nesting would exhaust the stack of the YAML composer, which calls itself. */
const maxDepth = 64;
/** What aliases may blow a document up to. */
const maxValues = 1_000_000;

// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is what it is for
const controlCharacter = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** Every document of a text, empty ones too; `scopeOf` says what the document of an index is for. */
export function readYaml(
  file: string,
  text: string,
  scopeOf: (index: number) => Problem['scope'],
): readonly YamlDocument[] {
  const lines = new LineCounter();
  const positionAt = (offset: number): Position => {
    const {line, col} = lines.linePos(offset);
    return {line: Math.max(1, line), column: Math.max(1, col)};
  };
  const unreadable = (position: Position, message: string): YamlDocument[] => {
    const report = new Report(file, scopeOf(0));
    report.add('error', position, message);
    return [{report, root: null, start: position, isEmpty: false}];
  };
  if (text.length > maxTextLength) {
    return unreadable(
      {line: 1, column: 1},
      `the file is too large: at most ${maxTextLength >> 20} MiB are read`,
    );
  }
  const control = controlCharacter.exec(text);
  if (control) {
    const before = text.slice(0, control.index).split('\n');
    const code = control[0].charCodeAt(0).toString(16).padStart(2, '0');
    const position = {line: before.length, column: (before.at(-1)?.length ?? 0) + 1};
    return unreadable(position, `the control character 0x${code} has no place in a text file`);
  }
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const tooDeep = firstTooDeep(tokens);
  if (tooDeep !== null) {
    return unreadable(positionAt(tooDeep), `more than ${maxDepth} levels of nesting`);
  }
  const composer = new Composer({
    stringKeys: true,
    prettyErrors: false,
    resolveKnownTags: false,
    logLevel: 'silent',
  });
  const documents = [...composer.compose(tokens, true, text.length)];
  return documents.map((document, index) =>
    readDocument(document, new Report(file, scopeOf(index)), positionAt),
  );
}

function readDocument(
  document: Document.Parsed,
  report: Report,
  positionAt: (offset: number) => Position,
): YamlDocument {
  const {contents} = document;
  const offset = contents?.range[0] ?? document.range[0];
  const isEmpty = contents === null || (isScalar(contents) && contents.value === null);
  const faults = [...document.errors, ...document.warnings];
  const structural = faults.find(({code}) => code !== 'DUPLICATE_KEY');
  for (const fault of faults) {
    // What follows the first structural fault is mostly its echo.
    if (fault !== structural && fault.code !== 'DUPLICATE_KEY') continue;
    report.add('error', positionAt(fault.pos[0]), sentence(fault));
  }
  const version = document.directives.yaml.version;
  if (version !== '1.2') {
    report.add('error', positionAt(offset), `%YAML ${version}: this is read as YAML 1.2, leave the line out`);
  }
  const start = positionAt(offset);
  const bad = structural ? null : findBadAlias(document);
  if (bad) report.add('error', positionAt(bad.offset), bad.message);
  if (structural || bad || version !== '1.2') return {report, root: null, start, isEmpty: false};
  const root = new Value({document, report, positionAt}, '', contents, offset);
  return {report, root, start, isEmpty: isEmpty && !report.isBroken};
}

/** The offset of the first value below `maxDepth` levels, or null. Walks level by level: no recursion. */
function firstTooDeep(tokens: readonly CST.Token[]): number | null {
  let level: (CST.Token | null | undefined)[] = tokens.map((token) =>
    token.type === 'document' ? token.value : undefined,
  );
  for (let depth = 0; level.length > 0; depth++) {
    const next: (CST.Token | null | undefined)[] = [];
    for (const token of level) {
      if (!token || !('items' in token)) continue;
      if (depth >= maxDepth) return token.offset;
      for (const item of token.items) next.push(item.key, item.value);
    }
    level = next;
  }
  return null;
}

interface BadAlias {
  readonly offset: number;
  readonly message: string;
}

/** An alias without anchor, within its own anchor, or that makes the document too large or too deep. */
function findBadAlias(document: Document.Parsed): BadAlias | null {
  const known = new Map<YamlNode, {values: number; depth: number}>();
  const open = new Set<YamlNode>();
  let bad: BadAlias | null = null;
  const refuse = (alias: Alias, message: string): {values: number; depth: number} => {
    bad ??= {offset: alias.range?.[0] ?? 0, message};
    return {values: 1, depth: 1};
  };
  const measure = (node: unknown): {values: number; depth: number} => {
    if (isAlias(node)) {
      const target = node.resolve(document);
      // Its name is not shown: it may be a password without quotes.
      if (!target)
        return refuse(node, 'no such anchor stands above this: put text that begins with `*` in quotes');
      if (open.has(target)) return refuse(node, `\`*${node.source}\` stands within its own anchor`);
      return known.get(target) ?? measure(target);
    }
    if (!isCollection(node)) return {values: 1, depth: 1};
    open.add(node);
    const size = {values: 1, depth: 1};
    for (const item of node.items) {
      const value = isPair(item) ? item.value : item;
      const inner = measure(value);
      size.values += inner.values;
      size.depth = Math.max(size.depth, inner.depth + 1);
      if (isAlias(value) && (size.values > maxValues || size.depth > maxDepth)) {
        refuse(value, 'the aliases of this document blow it up beyond all measure');
      }
    }
    open.delete(node);
    known.set(node, size);
    return size;
  };
  measure(document.contents);
  return bad;
}

/** What the YAML reader says, with what would be right where its own words are for experts. */
function sentence({code, message}: YAMLError): string {
  const said = message.charAt(0).toLowerCase() + message.slice(1);
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key is given twice in the same mapping';
    case 'TAB_AS_INDENT':
      return 'a tab cannot indent YAML: use blanks';
    case 'BLOCK_AS_IMPLICIT_KEY':
      return `${said}: indent the lines of a mapping alike, and put a value that holds \`: \` in quotes`;
    case 'MULTILINE_IMPLICIT_KEY':
      return 'this is no `key: value`: is the blank behind the colon missing, or the colon?';
    case 'NON_STRING_KEY':
      return 'a key must be text';
    case 'TAG_RESOLVE_FAILED':
      // Which one is not shown: it may be a password without quotes.
      return 'tags are not used here: put text that begins with `!` in quotes';
    case 'BAD_SCALAR_START':
      return `${said}: put the value in quotes`;
    default:
      return said;
  }
}

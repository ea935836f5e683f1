import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type {z} from 'zod';
import type {Position, Report} from './report.js';
import {unknownKeys, wording} from './wording.js';

export type YamlNode = Alias | Scalar | YAMLMap | YAMLSeq;

/** What the values of one document share. */
export interface ValueContext {
  readonly document: Document.Parsed;
  readonly report: Report;
  readonly positionAt: (offset: number) => Position;
}

export interface Field {
  readonly key: string;
  readonly keyPosition: Position;
  readonly value: Value;
}

/** A value in a YAML document that knows its path and place, and reports what is wrong with it. */
export class Value {
  readonly #context: ValueContext;
  readonly #node: Scalar | YAMLMap | YAMLSeq | null;
  readonly #offset: number;

  /** `keyOffset`: where the value's key stands, which is pointed at when the value itself is empty. */
  constructor(
    context: ValueContext,
    readonly path: string,
    node: unknown,
    keyOffset: number,
  ) {
    this.#context = context;
    const resolved = isAlias(node) ? node.resolve(context.document) : node;
    this.#node = isScalar(resolved) || isMap(resolved) || isSeq(resolved) ? resolved : null;
    const isWritten = this.#node !== null && !(isScalar(this.#node) && this.#node.source === '');
    this.#offset = (isWritten ? this.#node?.range?.[0] : undefined) ?? keyOffset;
  }

  get position(): Position {
    return this.#context.positionAt(this.#offset);
  }

  get isMapping(): boolean {
    return isMap(this.#node);
  }

  get isList(): boolean {
    return isSeq(this.#node);
  }

  /** Nothing stands behind the key. */
  get isNothing(): boolean {
    return this.#node === null || (isScalar(this.#node) && this.#node.value === null);
  }

  /** How many errors the document has so far. */
  get errorCount(): number {
    return this.#context.report.errorCount;
  }

  /** The entries of a mapping, in their order; nothing for other values. */
  fields(): readonly Field[] {
    if (!isMap(this.#node)) return [];
    return this.#node.items.map(({key, value}) => {
      const name = isScalar(key) ? String(key.value) : '';
      const keyOffset = (isScalar(key) ? key.range?.[0] : undefined) ?? this.#offset;
      const path = this.path === '' ? name : `${this.path}.${name}`;
      return {
        key: name,
        keyPosition: this.#context.positionAt(keyOffset),
        value: new Value(this.#context, path, value, keyOffset),
      };
    });
  }

  /** The entries of a list; nothing for other values. */
  items(): readonly Value[] {
    if (!isSeq(this.#node)) return [];
    return this.#node.items.map(
      (item, i) => new Value(this.#context, `${this.path}[${i}]`, item, this.#offset),
    );
  }

  /** As plain data. A decimal number whose spelling would be lost (`1.10`, which is also an AS number) stays text. */
  plain(): unknown {
    if (isSeq(this.#node)) return this.items().map((item) => item.plain());
    if (isMap(this.#node))
      return Object.fromEntries(this.fields().map(({key, value}) => [key, value.plain()]));
    if (!isScalar(this.#node)) return null;
    const {value, source} = this.#node;
    const isLost = typeof value === 'number' && /^\d+\.\d+$/.test(source ?? '') && String(value) !== source;
    return isLost ? source : value;
  }

  /** What the schema makes of the value; undefined when it is wrong, which is then reported. */
  read<T>(schema: z.ZodType<T>): T | undefined {
    if (this.isNothing) {
      this.error('has no value');
      return undefined;
    }
    const result = schema.safeParse(this.plain(), {error: wording});
    if (result.success) return result.data;
    for (const issue of result.error.issues) this.reportIssue(issue);
    return undefined;
  }

  error(message: string): void {
    this.#report('error', message);
  }

  warning(message: string): void {
    this.#report('warning', message);
  }

  /** An error about this value that stands at one of its keys. */
  errorAt(position: Position, message: string): void {
    this.#report('error', message, position);
  }

  #report(severity: 'error' | 'warning', message: string, position = this.position): void {
    const text = this.path === '' ? message : `${this.path}: ${message}`;
    this.#context.report.add(severity, position, text);
  }

  /** Reports what a schema found wrong in this value, at the part of it that is meant. */
  reportIssue(issue: z.core.$ZodIssue): void {
    let place: Value = this;
    const steps = [...issue.path];
    while (steps.length > 0) {
      const inner = place.#inner(steps[0]);
      if (!inner) break;
      place = inner;
      steps.shift();
    }
    if (issue.code === 'unrecognized_keys') {
      for (const {key, keyPosition} of place.fields()) {
        if (!issue.keys.includes(key)) continue;
        place.#report('error', unknownKeys([key], []), keyPosition);
      }
    } else if (steps.length > 0 && issue.code !== 'custom') {
      place.error(`\`${steps.map(String).join('.')}\` is missing`);
    } else {
      place.error(issue.message);
    }
  }

  #inner(step: PropertyKey | undefined): Value | undefined {
    if (typeof step === 'number') return this.items()[step];
    return this.fields().find(({key}) => key === String(step))?.value;
  }
}

/** Reads a mapping key by key, so that one wrong value never hides what is wrong with the others. */

import type {z} from 'zod';
import {didYouMean} from '../lib/suggest.js';
import type {Position} from './report.js';
import type {Field, Value} from './value.js';

/** How one key is read; without a schema its reader takes the `Value` itself. */
export interface Key<T> {
  readonly schema: z.ZodType<T> | null;
  readonly aliases: readonly string[];
}

export type Keys = Readonly<Record<string, Key<unknown>>>;
type Read<K> = K extends Key<infer T> ? T : never;

export function key<T>(schema: z.ZodType<T>, ...aliases: string[]): Key<T> {
  return {schema, aliases};
}

/** A key whose value is read by other code. */
export function part(...aliases: string[]): Key<Value> {
  return {schema: null, aliases};
}

export interface SectionRules {
  /** Keys of parts that this version does not have. */
  readonly later?: readonly string[];
  /** Keys that people write here but that have their place elsewhere: key → `under \`bgp\``. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** Whether `{}` means something: everything at its default. */
  readonly isUsefulEmpty?: boolean;
  /** Takes keys that are not among ours, instead of their being errors. */
  readonly others?: (field: Field) => void;
}

interface Given {
  readonly value: Value;
  readonly keyPosition: Position;
  readonly name: string;
}

/** A mapping with what was found in it. */
export class Section<K extends Keys> {
  readonly #given = new Map<string, Given>();
  readonly #read = new Map<string, unknown>();

  constructor(
    readonly value: Value,
    keys: K,
    rules: SectionRules = {},
  ) {
    if (!value.isMapping) {
      if (value.isNothing && rules.isUsefulEmpty)
        value.error('has no value: write `{}` for the defaults, or leave it out');
      else if (value.isNothing) value.error('has no value');
      else value.error('must be a mapping (`key: value`)');
      return;
    }
    const canonical = new Map<string, string>();
    for (const [name, {aliases}] of Object.entries(keys)) {
      for (const spelling of [name, ...aliases]) canonical.set(spelling, name);
    }
    for (const field of value.fields()) {
      const name = canonical.get(field.key);
      if (name === undefined) this.#other(field, [...canonical.keys()], rules);
      else this.#take(name, field);
    }
    for (const [name, {value: given}] of this.#given) {
      const schema = keys[name]?.schema ?? null;
      const read = schema === null ? given : given.read<unknown>(schema);
      if (read !== undefined) this.#read.set(name, read);
    }
  }

  /** What a key says; undefined when it is absent or wrong. */
  get<N extends keyof K & string>(name: N): Read<K[N]> | undefined {
    return this.#read.get(name) as Read<K[N]> | undefined;
  }

  /** Whether the key is written, rightly or wrongly. */
  has(name: keyof K & string): boolean {
    return this.#given.has(name);
  }

  /** Whether nothing about the key is unknown: it is absent, or was read. */
  isSound(...names: (keyof K & string)[]): boolean {
    return this.value.isMapping && names.every((name) => this.#given.has(name) === this.#read.has(name));
  }

  /** Where to point for a key: its value, else the section. */
  at(name: keyof K & string): Value {
    return this.#given.get(name)?.value ?? this.value;
  }

  /** Reports a key that must be written and is not. */
  require(name: keyof K & string, hint: string): void {
    if (this.value.isMapping && !this.has(name)) this.value.error(`\`${name}\` is missing: ${hint}`);
  }

  #take(name: string, {key: spelling, keyPosition, value}: Field): void {
    const before = this.#given.get(name);
    if (before && before.name !== spelling) {
      this.value.errorAt(
        keyPosition,
        `\`${before.name}\` and \`${spelling}\` are the same key: write one of them`,
      );
    } else {
      // The same spelling twice is reported by the YAML reader.
      this.#given.set(name, {value, keyPosition, name: spelling});
    }
  }

  #other(field: Field, known: readonly string[], {later = [], elsewhere = {}, others}: SectionRules): void {
    const {key: name, keyPosition} = field;
    if (later.includes(name)) {
      this.value.errorAt(keyPosition, `\`${name}\` is not available in this version`);
    } else if (name === '<<') {
      this.value.errorAt(keyPosition, 'merge keys (`<<`) are not part of YAML 1.2: write the keys out');
    } else if (others) {
      others(field);
    } else if (field.value.isNothing && this.value.fields().some(({key}) => key === 'password')) {
      this.value.errorAt(keyPosition, 'unknown key (not shown): put a password that holds a comma in quotes');
    } else {
      const place = Object.hasOwn(elsewhere, name) ? elsewhere[name] : undefined;
      const hint = place === undefined ? didYouMean(name, [...known, ...later]) : `: it belongs ${place}`;
      this.value.errorAt(keyPosition, `unknown key \`${name}\`${hint}`);
    }
  }
}

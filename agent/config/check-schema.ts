/** `check:` and `checks:`: the keys of the check's own type, and its timing. */

import {z} from 'zod';
import type {CheckType} from '../../checks/check-type.js';
import {didYouMean} from '../lib/suggest.js';
import {key, part, Section} from './section.js';
import {type Pacing, resolveTiming, type TimingSection, timingKeys} from './timing.js';
import type {CheckConfig} from './types.js';
import type {Field, Value} from './value.js';
import {plainName} from './values.js';
import {unknownKeys, wording} from './wording.js';

export type CheckTypes = ReadonlyMap<string, CheckType>;

/** A check with what it connects to, for what its service must ask of it. */
export interface ReadCheck {
  readonly config: CheckConfig;
  readonly connectsTo: readonly string[];
  /** Why it may be degraded where a failure was meant; null: it is not. */
  readonly degradedByDefault: string | null;
  readonly value: Value;
}

const checkKeys = {...timingKeys, name: key(plainName), type: part()};

/** The checks of a service, of which one of `check:` and `checks:` is given. */
export function readChecks(
  service: Section<typeof timingKeys & {check: ReturnType<typeof part>; checks: ReturnType<typeof part>}>,
  defaults: Pacing,
  types: CheckTypes,
): readonly ReadCheck[] {
  const [one, several] = [service.get('check'), service.get('checks')];
  if (one && several) {
    several.error('write `check` for one or `checks` for several, not both');
    return [];
  }
  if (!one && !several) {
    service.require(
      'check',
      'say how the service is checked (`check: {type: http, url: …}`), or list several as `checks`',
    );
    return [];
  }
  if (several && (!several.isList || several.items().length === 0)) {
    several.error('must be a list with at least one check (`- type: http`); one alone goes under `check`');
    return [];
  }
  if (one?.isList) {
    one.error('must be one check: a list of them goes under `checks`');
    return [];
  }
  const checks: ReadCheck[] = [];
  for (const value of several?.items() ?? (one ? [one] : [])) {
    const check = readCheck(value, service, defaults, types);
    if (!check) continue;
    if (checks.some(({config}) => config.name === check.config.name)) {
      value.error(`there is a check \`${check.config.name}\` already: give each a \`name\` of its own`);
    }
    checks.push(check);
  }
  return checks;
}

function readCheck(
  value: Value,
  service: TimingSection,
  defaults: Pacing,
  types: CheckTypes,
): ReadCheck | undefined {
  const own: Field[] = [];
  const section = new Section(value, checkKeys, {others: (field) => own.push(field)});
  const timing = resolveTiming([section, service], defaults);
  const known = [...types.keys()];
  section.require('type', `write one of ${known.join(', ')}`);
  const typeName = section.get('type')?.read(z.string());
  if (typeName === undefined) return undefined;
  const type = types.get(typeName);
  if (!type) {
    const hint = didYouMean(typeName, known) || `: there are ${known.join(', ')}`;
    section.at('type').error(`there is no check type \`${typeName}\`${hint}`);
    return undefined;
  }
  const options = readOptions(value, own, type);
  if (options === undefined) return undefined;
  return {
    config: {name: section.get('name') ?? typeName, type: typeName, options, ...timing},
    connectsTo: type.connectsTo?.(options) ?? [],
    degradedByDefault: type.degradedByDefault?.(options) ?? null,
    value,
  };
}

/** The options of a check as they are written: its schema only says whether they are right. */
function readOptions(value: Value, fields: readonly Field[], type: CheckType): object | undefined {
  const known = knownKeys(type);
  const kept: Field[] = [];
  let isSound = true;
  for (const field of fields) {
    if (known === null || known.includes(field.key)) {
      kept.push(field);
      continue;
    }
    value.errorAt(field.keyPosition, unknownKeys([field.key], [...known, ...Object.keys(checkKeys)]));
    isSound = false;
  }
  const options = Object.fromEntries(kept.map((field) => [field.key, field.value.plain()]));
  const result = type.schema.safeParse(options, {error: wording});
  if (!result.success) {
    for (const issue of result.error.issues) value.reportIssue(issue);
    return undefined;
  }
  return isSound ? result.data : undefined;
}

/** The keys of a schema; null where it does not tell, and must refuse unknown ones itself. */
export function knownKeys({schema}: CheckType): readonly string[] | null {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : null;
}

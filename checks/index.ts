import type {Check} from '../agent/types.js';
import type {CheckType} from './check-type.js';
import {http} from './http.js';
import {ipvs} from './ipvs.js';
import {script} from './script.js';
import {tcp} from './tcp.js';

/** Every check type by its name in the configuration. */
export const checkTypes: ReadonlyMap<string, CheckType> = new Map(
  [http, tcp, ipvs, script].map((checkType): [string, CheckType] => [checkType.type, checkType]),
);

/**
 * Makes a check of configured options. Throws for a type that does not exist and for options that its schema
 * refuses; `config/parse` has reported both before, with file and line.
 */
export function createCheck(type: string, options: unknown): Check {
  const checkType = checkTypes.get(type);
  if (!checkType) throw new Error(`no check type "${type}": there are ${[...checkTypes.keys()].join(', ')}`);
  return checkType.create(checkType.schema.parse(options));
}

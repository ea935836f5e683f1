import type {CheckType} from './check-type.js';

/** Every check type by its name in the configuration. */
export const checkTypes: ReadonlyMap<string, CheckType> = new Map();

import type {z} from 'zod';
import type {Check} from '../agent/types.js';

/**
 * One type of check: its keys, and how a check is made of them. `schema` only validates: the options stay plain
 * data in the configuration's own spelling, so that `validate --print` can write them again; `create` interprets.
 */
export interface CheckType<Options extends object = object> {
  readonly type: string;
  readonly schema: z.ZodType<Options>;
  /** Makes a check of valid options. Never throws for options that `schema` accepted. */
  create(options: Options): Check;
  /** Hosts the check connects to: one that is a VIP of its own service is a configuration error under `when_up`. */
  connectsTo?(options: Options): readonly string[];
  /** What to say when these options call something degraded that many expect to be a failure; null: nothing. */
  degradedByDefault?(options: Options): string | null;
  /** A copy for printing, with what may be secret replaced by `[secret]`. */
  withoutSecrets?(options: Options): Options;
}

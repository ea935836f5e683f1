import {z} from 'zod';
import type {CheckType} from '../../checks/check-type.js';
import {runTimed} from '../../checks/lib/result.js';

const schema = z.strictObject({path: z.string(), contains: z.string().optional()});

/** `file`: a file is there, and says what it should. */
export const file: CheckType<z.infer<typeof schema>> = {
  type: 'file',
  schema,
  create: ({path, contains = ''}) => ({
    type: 'file',
    title: `file ${path}`,
    run: (ctx) =>
      runTimed(ctx, async () => {
        const text = await ctx.files.readText(path);
        if (text === null) return {verdict: 'fail', reason: `${path} does not exist`};
        if (!text.includes(contains))
          return {verdict: 'fail', reason: `${path} does not contain "${contains}"`};
        return {verdict: 'pass', reason: `${path} is there`, details: {characters: text.length}};
      }),
    watch: (ctx, wake) => ctx.files.watch(path, wake),
  }),
};

import {schedule} from 'node-cron';
import type {Cancel} from '../types.js';

/** Calls `fn` at every time that a cron expression names; late where the process stood still. */
export type Cron = (expression: string, fn: () => void) => Cancel;

/** In local time. */
export const systemCron: Cron = (expression, fn) => run(expression, fn);

/** In the time of a zone of the IANA database, `Europe/Oslo`. */
export function cronIn(timezone: string): Cron {
  return (expression, fn) => run(expression, fn, {timezone});
}

function run(expression: string, fn: () => void, options: {readonly timezone?: string} = {}): Cancel {
  const task = schedule(expression, fn, options);
  // A check an hour must not wait for another hour. Without a listener node-cron would write to standard error.
  task.on('execution:missed', fn);
  return () => void task.destroy();
}

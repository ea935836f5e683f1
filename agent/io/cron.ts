import {schedule} from 'node-cron';
import type {Cancel} from '../types.js';

/** Calls `fn` at every time that a cron expression names, in local time; late where the process stood still. */
export type Cron = (expression: string, fn: () => void) => Cancel;

export const systemCron: Cron = (expression, fn) => {
  const task = schedule(expression, fn);
  // A check an hour must not wait for another hour. Without a listener node-cron would write to standard error.
  task.on('execution:missed', fn);
  return () => void task.destroy();
};

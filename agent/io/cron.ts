import {schedule} from 'node-cron';
import type {Cancel} from '../types.js';

/** Calls `fn` at every time that a cron expression names, in local time. */
export type Cron = (expression: string, fn: () => void) => Cancel;

export const systemCron: Cron = (expression, fn) => {
  const task = schedule(expression, fn);
  return () => void task.destroy();
};

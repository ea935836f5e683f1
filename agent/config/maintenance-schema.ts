/** `maintenance` of a service. */

import {CronTimes} from '../lib/cron-times.js';
import {key, Section} from './section.js';
import type {MaintenanceWindow} from './types.js';
import type {Value} from './value.js';
import {cronExpression, duration} from './values.js';

const windowKeys = {
  schedule: key(cronExpression),
  for: key(duration(1000)),
};

/** A list of windows, or one. Those with an error are left out. */
export function readMaintenance(value: Value): readonly MaintenanceWindow[] {
  const items = value.isList ? value.items() : [value];
  if (items.length === 0) value.error('must have at least one window');
  return items.flatMap((item) => {
    const section = new Section(item, windowKeys, {elsewhere});
    section.require('schedule', 'the times at which it begins, as a cron expression: "0 3 * * sun"');
    section.require('for', 'how long it lasts: 2h');
    const [schedule, forMs] = [section.get('schedule'), section.get('for')];
    if (schedule === undefined || forMs === undefined) return [];
    if (new CronTimes(schedule).leavesNoGap(forMs)) {
      section
        .at('for')
        .error('the next window always begins before one is over: the service would never be announced');
    }
    return [{schedule, forMs}];
  });
}

/** What people write here instead. */
const elsewhere = {duration: 'here as `for`', start: 'here as `schedule`', until: 'here as `for`'};

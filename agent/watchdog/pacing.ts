import type {Pacing} from '../config/timing.js';

/** One result decides, unless the service itself says otherwise: rounds are far apart. */
export const oncePacing = {rise: 1, fall: 1} as const satisfies Partial<Pacing>;

/** The same, for services that say neither how often nor when they are checked. */
export function scheduledPacing(schedule: string): Partial<Pacing> {
  return {...oncePacing, schedule};
}

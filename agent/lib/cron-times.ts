/** The times that a cron expression names, in the local time of this process (`TZ`): pure, but for that. */

import {createTask, parse, type ScheduledTask} from 'node-cron';

/** Two years, one of them a leap year. */
const daysLookedAt = 731;
const secondsOfDay = 86_400;

/**
 * A valid expression. A time that a change of the clocks leaves out does not come that day; one that comes twice counts
 * the first time.
 */
export class CronTimes {
  // Never started: it only answers whether a time is one of its own.
  readonly #task: ScheduledTask;
  readonly #hours: readonly number[];
  readonly #minutes: readonly number[];
  readonly #seconds: readonly number[];

  constructor(readonly expression: string) {
    const {hour, minute, second} = parse(expression);
    this.#task = createTask(expression, () => undefined);
    this.#hours = sorted(hour);
    this.#minutes = sorted(minute);
    this.#seconds = sorted(second);
  }

  /** The last one after `after` and not after `at`, all milliseconds since the epoch; null: none. */
  last(after: number, at: number): number | null {
    for (let day = startOfDay(at); endOfDay(day) > after; day = daysLater(day, -1)) {
      if (!this.#isOn(day)) continue;
      const found = this.#lastOf(day, at);
      if (found !== null) return found > after ? found : null;
    }
    return null;
  }

  /** The first one after `after` and not after `until`; null: none. */
  next(after: number, until: number): number | null {
    for (let day = startOfDay(after); day.getTime() <= until; day = daysLater(day, 1)) {
      if (!this.#isOn(day)) continue;
      const found = this.#firstOf(day, after);
      if (found !== null) return found <= until ? found : null;
    }
    return null;
  }

  /** Whether something that lasts `ms` from each of its times on is never over before the next one. */
  leavesNoGap(ms: number): boolean {
    const times = this.#hours.flatMap((hour) =>
      this.#minutes.flatMap((minute) => this.#seconds.map((second) => (hour * 60 + minute) * 60 + second)),
    );
    const isWithin = (from: number, to: number): boolean => (to - from) * 1000 <= ms;
    if (times.some((time, i) => i > 0 && !isWithin(times[i - 1] ?? 0, time))) return false;
    const [first = 0] = times;
    const last = times.at(-1) ?? 0;
    // Of days that the clocks are not changed on, in years of both kinds.
    let before: number | null = null;
    for (let day = 0; day < daysLookedAt; day++) {
      if (!this.#isOn(new Date(2027, 0, 1 + day))) continue;
      if (before !== null && !isWithin(last, (day - before) * secondsOfDay + first)) return false;
      before = day;
    }
    return before !== null && isWithin(last, (daysLookedAt - before) * secondsOfDay + first);
  }

  #isOn(day: Date): boolean {
    const [minute = 0] = this.#minutes;
    const [second = 0] = this.#seconds;
    return this.#hours.some((hour) => this.#task.match(timeOf(day, hour, minute, second)));
  }

  #lastOf(day: Date, at: number): number | null {
    for (const hour of this.#hours.toReversed()) {
      if (timeOf(day, hour, 0, 0).getTime() > at) continue;
      for (const minute of this.#minutes.toReversed()) {
        if (timeOf(day, hour, minute, 0).getTime() > at) continue;
        const second = this.#seconds.findLast((second) => timeOf(day, hour, minute, second).getTime() <= at);
        const time = second === undefined ? null : timeOf(day, hour, minute, second);
        if (time?.getHours() === hour) return time.getTime();
      }
    }
    return null;
  }

  #firstOf(day: Date, after: number): number | null {
    for (const hour of this.#hours) {
      if (timeOf(day, hour, 59, 59).getTime() <= after) continue;
      for (const minute of this.#minutes) {
        if (timeOf(day, hour, minute, 59).getTime() <= after) continue;
        const second = this.#seconds.find((second) => timeOf(day, hour, minute, second).getTime() > after);
        const time = second === undefined ? null : timeOf(day, hour, minute, second);
        if (time?.getHours() === hour) return time.getTime();
      }
    }
    return null;
  }
}

function sorted(values: readonly number[]): readonly number[] {
  return [...values].sort((a, b) => a - b);
}

function startOfDay(at: number): Date {
  const date = new Date(at);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate());
}

function endOfDay(day: Date): number {
  return daysLater(day, 1).getTime();
}

function daysLater(day: Date, days: number): Date {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + days);
}

function timeOf(day: Date, hour: number, minute: number, second: number): Date {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate(), hour, minute, second);
}

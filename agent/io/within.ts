/** Waits for `promise`, but not longer than `ms`; whether it came in time. Leaves no timer behind. */
export function within(ms: number, promise?: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    const done = () => {
      clearTimeout(timer);
      resolve(true);
    };
    promise?.then(done, done);
  });
}

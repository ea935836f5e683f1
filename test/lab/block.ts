/** Preloaded into an agent of the lab: SIGPWR blocks its main thread for a while. */

export const blockMs = 2_000;

process.on('SIGPWR', () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockMs));

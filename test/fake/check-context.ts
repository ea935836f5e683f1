import {systemClock} from '../../agent/io/clock.js';
import {systemExec} from '../../agent/io/exec.js';
import {systemFiles} from '../../agent/io/files.js';
import {createHttpClient} from '../../agent/io/http.js';
import {systemNet} from '../../agent/io/socket.js';
import type {CheckContext, Files} from '../../agent/types.js';
import {fakeEffects} from './checks.js';
import {FakeClock} from './clock.js';

/** A context in which everything that a test did not give throws. */
export function fakeContext(part: Partial<CheckContext> = {}): CheckContext {
  const {signal} = new AbortController();
  return {...fakeEffects(part.clock ?? new FakeClock()), timeoutMs: 1000, signal, ...part};
}

/** The context a daemon gives. The timeout is long: tests that want to see one set a short one. */
export function realContext(part: Partial<CheckContext> = {}): CheckContext {
  return {
    clock: systemClock,
    exec: systemExec,
    files: systemFiles,
    http: createHttpClient(),
    net: systemNet,
    timeoutMs: 20_000,
    signal: new AbortController().signal,
    ...part,
  };
}

/** Files with these texts; an Error is thrown, everything else is absent. */
export function fakeFiles(texts: Readonly<Record<string, string | Error>>): Files {
  return {
    async readText(path) {
      const content = texts[path] ?? null;
      if (content instanceof Error) throw content;
      return content;
    },
    watch: () => () => {},
  };
}

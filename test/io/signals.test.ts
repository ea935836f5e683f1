import t from 'tap';
import {catchSignals, type SignalHandlers} from '../../agent/io/signals.js';

const names = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGURG', 'SIGUSR1', 'SIGUSR2'] as const;

function recorder() {
  const heard: string[] = [];
  const note = (what: string) => (): void => void heard.push(what);
  const handlers: SignalHandlers = {
    stop: note('stop'),
    hurry: note('hurry'),
    reload: note('reload'),
    checkNow: note('check now'),
    dump: note('dump'),
    crash: ({message}) => void heard.push(`crash: ${message}`),
  };
  return {heard, handlers};
}

t.test('each signal means something, SIGUSR1 nothing', async (t) => {
  const before = names.map((name) => process.listenerCount(name));
  const {heard, handlers} = recorder();
  const signals = catchSignals();
  signals.handle(handlers);
  for (const name of ['SIGHUP', 'SIGURG', 'SIGUSR1', 'SIGUSR2', 'SIGTERM', 'SIGINT'] as const)
    process.emit(name);
  t.same(heard, ['reload', 'check now', 'dump', 'stop', 'hurry']);
  signals.release();
  t.same(
    names.map((name) => process.listenerCount(name)),
    before,
    'nothing is left behind',
  );
});

t.test('what was asked for during the start is done after it, once', async (t) => {
  const {heard, handlers} = recorder();
  const signals = catchSignals();
  t.teardown(() => signals.release());
  for (const name of ['SIGHUP', 'SIGHUP', 'SIGURG', 'SIGUSR1', 'SIGUSR2', 'SIGTERM'] as const)
    process.emit(name);
  t.same(heard, []);
  signals.handle(handlers);
  t.same(heard, ['reload', 'stop']);
  process.emit('SIGTERM');
  t.same(heard, ['reload', 'stop', 'hurry']);
});

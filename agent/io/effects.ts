import type {CheckContext} from '../types.js';
import {systemClock} from './clock.js';
import {systemExec} from './exec.js';
import {systemFiles} from './files.js';
import {systemHttp} from './http.js';
import {systemNet} from './socket.js';

/** What checks may use of this machine. */
export function systemEffects(): Omit<CheckContext, 'timeoutMs' | 'signal'> {
  return {clock: systemClock, exec: systemExec, files: systemFiles, http: systemHttp, net: systemNet};
}

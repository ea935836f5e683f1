import t from 'tap';
import {Frr} from '../lab/frr.js';
import {restartSuite} from './restart-suite.js';

t.test('FRR', (t) => restartSuite(t, Frr, ' bgp long-lived-graceful-restart stale-time 100'));

import t from 'tap';
import {Frr} from '../lab/frr.js';
import {routerSuite} from './router-suite.js';

t.test('FRR', (t) => routerSuite(t, Frr));

import t from 'tap';
import {Openbgpd} from '../lab/openbgpd.js';
import {routerSuite} from './router-suite.js';

t.test('OpenBGPD', (t) => routerSuite(t, Openbgpd));

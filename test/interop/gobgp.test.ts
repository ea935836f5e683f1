import t from 'tap';
import {Gobgp} from '../lab/gobgp.js';
import {routerSuite} from './router-suite.js';

t.test('GoBGP', (t) => routerSuite(t, Gobgp));

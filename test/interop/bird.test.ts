import t from 'tap';
import {Bird} from '../lab/bird.js';
import {routerSuite} from './router-suite.js';

t.test('BIRD', (t) => routerSuite(t, Bird));

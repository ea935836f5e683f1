import t from 'tap';
import {Bird} from '../lab/bird.js';
import {restartSuite} from './restart-suite.js';

t.test('BIRD', (t) => restartSuite(t, Bird));

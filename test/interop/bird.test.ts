import t from 'tap';
import {Bird} from '../lab/bird.js';
import {routerSuite} from './router-suite.js';

await routerSuite(t, Bird);

import t from 'tap';
import {Gobgp} from '../lab/gobgp.js';
import {routerSuite} from './router-suite.js';

await routerSuite(t, Gobgp);

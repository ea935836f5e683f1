import t from 'tap';
import {Openbgpd} from '../lab/openbgpd.js';
import {routerSuite} from './router-suite.js';

await routerSuite(t, Openbgpd);

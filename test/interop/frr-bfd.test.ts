import t from 'tap';
import {Frr} from '../lab/frr.js';
import {bfdSuite} from './bfd-suite.js';

t.test("FRR's BFD", (t) => bfdSuite(t, Frr));

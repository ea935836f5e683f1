import t from 'tap';
import {Bird} from '../lab/bird.js';
import {bfdSuite} from './bfd-suite.js';

t.test("BIRD's BFD", (t) => bfdSuite(t, Bird));

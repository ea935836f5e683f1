import t from 'tap';
import {sysctl} from '../../agent/io/sysctl.js';
import {enterOwnNetwork} from '../lab/own-network.js';

const skip = enterOwnNetwork();
const name = 'net/ipv4/conf/lo/arp_ignore';

t.test('settings are those of our own network', {skip}, (t) => {
  t.equal(sysctl.read(name), '0');
  sysctl.write(name, '1');
  t.equal(sysctl.read(name), '1');
  t.throws(() => sysctl.write(name, 'much'), {code: 'EINVAL'});
  t.end();
});

t.test('what is no setting', (t) => {
  t.equal(sysctl.read('net/ipv4/conf/nothing/arp_ignore'), null);
  t.throws(() => sysctl.write('net/ipv4/conf/nothing/arp_ignore', '1'), {code: 'ENOENT'});
  t.throws(() => sysctl.read('../../etc/passwd'), /is no sysctl/);
  t.throws(() => sysctl.read('/etc/passwd'), /is no sysctl/);
  t.end();
});

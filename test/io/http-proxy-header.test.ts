import t from 'tap';
import {proxyHeader} from '../../agent/io/http-proxy-header.js';

// proxy-protocol.txt: 2.1 (text) and 2.2 (binary).
t.test('headers of both versions and families', (t) => {
  const v4 = [
    {address: '192.0.2.1', port: 4711},
    {address: '198.51.100.7', port: 443},
  ] as const;
  const v6 = [
    {address: '2001:db8::1', port: 4711},
    {address: '2001:db8::7', port: 443},
  ] as const;
  t.equal(proxyHeader(1, ...v4).toString(), 'PROXY TCP4 192.0.2.1 198.51.100.7 4711 443\r\n');
  t.equal(proxyHeader(1, ...v6).toString(), 'PROXY TCP6 2001:db8::1 2001:db8::7 4711 443\r\n');
  const signature = '0d0a0d0a000d0a515549540a';
  t.equal(proxyHeader(2, ...v4).toString('hex'), `${signature}2111000cc0000201c6336407126701bb`);
  t.equal(
    proxyHeader(2, ...v6).toString('hex'),
    `${signature}2121002420010db800000000000000000000000120010db8000000000000000000000007126701bb`,
  );
  t.end();
});

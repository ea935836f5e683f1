import t from 'tap';
import {parseConfig} from '../../agent/config/parse.js';
import {formatProblem} from '../../agent/config/report.js';
import {parseProcIpVs} from '../../agent/control/ipvs-protocol.js';
import {parseAddress, parsePrefix} from '../../agent/lib/prefix.js';
import type {IpAddress} from '../../agent/types.js';
import {documentsFor, type IpvsWatch, serviceNameOf, vipsIn} from '../../agent/watchdog/ipvs-services.js';

const all: IpvsWatch = {
  thresholds: {},
  ports: 'all',
  only: [],
  exclude: [],
  marks: new Map(),
  whenDegraded: {},
  forgetAfterMs: 86_400_000,
};
const vips = (...texts: string[]): IpAddress[] => texts.map(parseAddress);

const table = parseProcIpVs(`IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C0000201:0050 rr
TCP  C0000201:01BB rr
UDP  C0000202:0035 rr
SCTP [2001:0db8:0000:0000:0000:0000:0000:0001]:0009 rr
FWM  0000000A wrr
FWM  00000001 wrr
`);

t.test('every address once, and the marks that nobody knows', async (t) => {
  const services = table.ok ? table.services : [];
  t.equal(services.length, 6);
  t.same(vipsIn(services, all), {vips: vips('192.0.2.1', '192.0.2.2', '2001:db8::1'), unknownMarks: [1, 10]});
  const some: IpvsWatch = {
    ...all,
    only: ['192.0.2.0/24', '2001:db8::/32'].map(parsePrefix),
    exclude: [parsePrefix('192.0.2.2/32')],
    marks: new Map([[10, vips('192.0.2.9')]]),
  };
  t.same(vipsIn(services, some), {vips: vips('192.0.2.1', '2001:db8::1'), unknownMarks: [1]});
  t.same(vipsIn(services, {...all, only: [parsePrefix('10.0.0.0/8')]}).vips, []);
});

t.test('the documents are what a person would write', async (t) => {
  const watch: IpvsWatch = {
    ...all,
    thresholds: {
      min_up: 2,
      max_down: 1,
      count: 'weight',
      expected: 'seen',
      degraded_below: '50%',
      exclude: ['10.0.0.9'],
    },
    ports: 'any',
    marks: new Map([
      [7, vips('192.0.2.1', '2001:db8::7')],
      [8, vips('192.0.2.1')],
    ]),
    whenDegraded: {med: 500, as_path_prepend: 2},
  };
  const documents = documentsFor(
    vips('2001:db8::1', '192.0.2.2', '192.0.2.1'),
    watch,
    new Set([parsePrefix('192.0.2.2')]),
  );
  const main = {file: 'eip-health.yaml', text: 'frr: {}\n'};
  const {config, problems} = parseConfig({main, services: documents}, () => '');
  t.same(problems.map(formatProblem), []);
  t.same(
    config?.services.map(({name, prefixes, require, whenDegraded}) => [
      name,
      prefixes,
      require,
      whenDegraded,
    ]),
    [
      ['ipvs-192.0.2.1', ['192.0.2.1/32'], 'any', {med: 500, asPathPrepend: 2}],
      ['ipvs-2001-db8--1', ['2001:db8::1/128'], 'any', {med: 500, asPathPrepend: 2}],
      ['ipvs-2001-db8--7', ['2001:db8::7/128'], 'any', {med: 500, asPathPrepend: 2}],
    ],
  );
  const common = {
    min_up: 2,
    max_down: 1,
    count: 'weight',
    expected: 'seen',
    degraded_below: '50%',
    exclude: ['10.0.0.9'],
  };
  t.same(
    config?.services[0]?.checks.map(({name, options}) => [name, options]),
    [
      ['ipvs', {vip: '192.0.2.1', ports: 'any', ...common}],
      ['fwmark-7', {vip: '192.0.2.1', fwmark: 7, ...common}],
      ['fwmark-8', {vip: '192.0.2.1', fwmark: 8, ...common}],
    ],
    'an address that is in the table and behind marks has a check for each',
  );
  t.same(
    config?.services[2]?.checks.map(({name}) => name),
    ['fwmark-7'],
    'one that is known by its mark only has no other',
  );
});

t.test('names of services', async (t) => {
  const names = vips('192.0.2.1', '2001:db8::', '::1', 'fd00:1234:5678:9abc:def0:1234:5678:9abc').map(
    serviceNameOf,
  );
  t.same(names, [
    'ipvs-192.0.2.1',
    'ipvs-2001-db8--',
    'ipvs---1',
    'ipvs-fd00-1234-5678-9abc-def0-1234-5678-9abc',
  ]);
});

t.test('a mark that is mapped is a service whether IPVS has it or not', async (t) => {
  const marks = new Map([[1, vips('192.0.2.1', '198.51.100.1')]]);
  const exclude = [parsePrefix('198.51.100.0/24')];
  t.same(
    documentsFor([], {...all, marks, exclude}, new Set()).map(({file}) => file),
    ['IPVS'],
    'but for one that is not to be watched',
  );
});

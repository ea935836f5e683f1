/** The virtual services of the tests, as `ipvsadm` makes them, and the services of `eip-health` that look at them. */

import {balancer, router} from './balancer.js';

/** What `ipvsadm` is told. Nothing answers at these realservers, IPVS does not mind. */
export const table = [
  // The second one has weight 0.
  '-A -t 192.0.2.10:80 -s wrr',
  '-a -t 192.0.2.10:80 -r 10.0.0.1:80 -g -w 10',
  '-a -t 192.0.2.10:80 -r 10.0.0.2:80 -g -w 0',
  '-A -t 192.0.2.10:443 -s mh -b mh-port -p 300',
  '-a -t 192.0.2.10:443 -r 10.0.0.1:443 -i',
  '-A -t [2001:db8::10]:80 -s wlc',
  '-a -t [2001:db8::10]:80 -r [fd00:0:0:1::1]:80 -g',
  '-a -t [2001:db8::10]:80 -r [fd00:0:0:1::2]:8080 -m -w 3',
  '-A -u 192.0.2.53:53 -s rr -o',
  '-a -u 192.0.2.53:53 -r 10.0.0.1:53 -m',
  '-A -u [2001:db8::53]:53 -s rr',
  '-a -u [2001:db8::53]:53 -r [fd00:0:0:1::1]:53 -g',
  '-A --sctp-service 192.0.2.36:2905 -s rr',
  '-a --sctp-service 192.0.2.36:2905 -r 10.0.0.1:2905 -g',
  // In /proc this mark is 0000001A, once for each family.
  '-A -f 26 -s wlc',
  '-a -f 26 -r 10.0.0.1:0 -g -w 2',
  '-A -f 26 -6 -s rr -p 360',
  '-a -f 26 -6 -r [fd00:0:0:1::1]:0 -g',
  '-A -t 192.0.2.20:80 -s rr',
  '-a -t 192.0.2.20:80 -r 10.0.0.1:80 -g',
  '-A -t 192.0.2.20:8080 -s rr',
  '-A -t 192.0.2.12:80 -s rr',
  '-a -t 192.0.2.12:80 -r 10.0.0.1:80 -g -w 100',
  '-a -t 192.0.2.12:80 -r 10.0.0.2:80 -g -w 50',
  // A tunnel to a realserver of the other family.
  '-A -t 192.0.2.13:80 -s rr',
  '-a -t 192.0.2.13:80 -r [fd00:0:0:1::1]:80 -i',
] as const;

/** A service of `eip-health` with one check. */
export interface Case {
  readonly prefixes: string;
  /** The keys of the check beside its type. */
  readonly check: string;
  /** Further keys of the service. */
  readonly more?: string;
}

/** Of the daemon. All of them are up with the table above. */
export const services = {
  web: {prefixes: '192.0.2.10', check: 'vip: 192.0.2.10'},
  web6: {prefixes: '"2001:db8::10"', check: 'vip: "2001:db8::10", port: 80, protocol: tcp, min_up: 2'},
  dns: {prefixes: '192.0.2.53', check: 'vip: 192.0.2.53, port: 53, protocol: udp'},
  dns6: {prefixes: '"2001:db8::53"', check: 'vip: "2001:db8::53", protocol: udp'},
  sigtran: {prefixes: '192.0.2.36', check: 'vip: 192.0.2.36, protocol: sctp'},
  mark: {prefixes: '192.0.2.26', check: 'fwmark: 26, vip: 192.0.2.26'},
  mark6: {prefixes: '"2001:db8::26"', check: 'fwmark: 26, vip: "2001:db8::26"'},
  any: {prefixes: '192.0.2.20', check: 'vip: 192.0.2.20, ports: any'},
  half: {
    prefixes: '192.0.2.12',
    check: 'vip: 192.0.2.12, count: weight, expected: seen, degraded_below: 90%',
    more: 'when_degraded: {med: 500}',
  },
  tunnel: {prefixes: '192.0.2.13', check: 'vip: 192.0.2.13'},
} as const satisfies Readonly<Record<string, Case>>;

/** Every prefix of `services`. */
export const prefixes = Object.values(services).map(({prefixes}) => prefixOf(prefixes));

/** A service file. */
export function serviceFile({prefixes, check, more}: Case): string {
  return `{prefixes: [${prefixes}], check: {type: ipvs, ${check}}${more === undefined ? '' : `, ${more}`}}\n`;
}

/** `conf.d` for some services. */
export function serviceFiles(cases: Readonly<Record<string, Case>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(cases).map(([name, service]) => [`conf.d/${name}.yaml`, serviceFile(service)]),
  );
}

/** `eip-health.yaml` for what lives in this folder; `more` is further keys. */
export function mainFile(folder: string, more = '', interval = '500ms'): string {
  return `
router_id: ${balancer.address}
state_dir: ${folder}/state
control_socket: ${folder}/control.sock
kernel: {routes: true}
step_timeout: 10s
defaults: {interval: ${interval}, fast_interval: 200ms, timeout: ${interval}, rise: 1, fall: 1}
${more}
`;
}

/** The embedded speaker, with a session to the router. */
export const speaker = `
bgp:
  local_as: ${balancer.as}
  local_address: ${balancer.address}
  local_address6: ${balancer.address6}
  connect_retry: 1s
  peers: [{name: router, address: ${router.address}, remote_as: ${router.as}}]
`;

function prefixOf(text: string): string {
  const address = text.replaceAll('"', '');
  return address.includes(':') ? `${address}/128` : `${address}/32`;
}

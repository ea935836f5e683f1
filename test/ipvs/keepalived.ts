/** keepalived on the balancer, and the realserver that it looks after. */

import {fileURLToPath} from 'node:url';
import {type GuestProgram, guestNode, type Machine} from '../lab/uml.js';
import {farm} from './balancer.js';

const server = fileURLToPath(new URL('../lab/health-server.js', import.meta.url));
const port = 8081;
const sorryPort = 8099;

/** It never answers; IPVS does not mind. */
export const sorryServer = `${farm.address}:${sorryPort}`;

const configuration = `
global_defs {
  router_id lab
}
${virtual('192.0.2.80 80', farm.address, http(), 'alpha')}
${virtual('192.0.2.81 80', farm.address, `inhibit_on_failure\n${tcp()}`)}
${virtual('192.0.2.82 80', farm.address, tcp(), `sorry_server ${farm.address} ${sorryPort}`)}
${virtual('fwmark 83', farm.address, tcp())}
${virtual('2001:db8::80 80', farm.address6, tcp())}
`;

/** The realserver behind every VIP: it answers with `name`. */
export async function startServer(machine: Machine, name: string): Promise<GuestProgram> {
  const program = await machine.start(
    'ip',
    'netns',
    'exec',
    'farm',
    ...guestNode,
    server,
    String(port),
    name,
  );
  await program.said('listening');
  return program;
}

export async function startKeepalived(machine: Machine): Promise<GuestProgram> {
  await machine.write('/run/keepalived.conf', configuration);
  const files = ['-f', '/run/keepalived.conf', '-p', '/run/keepalived.pid', '-c', '/run/checkers.pid'];
  return machine.start('keepalived', '-n', '-l', '-D', '-C', ...files);
}

function virtual(address: string, realserver: string, checker: string, more = ''): string {
  return `virtual_server ${address} {
  delay_loop 1
  lb_algo rr
  lb_kind NAT
  protocol TCP
  ${more}
  real_server ${realserver} ${port} {
    weight 1
    ${checker}
  }
}`;
}

function http(): string {
  return `HTTP_GET {
      url {
        path /healthz
        status_code 200
      }
      connect_timeout 2
      retry 0
    }`;
}

function tcp(): string {
  return `TCP_CHECK {
      connect_timeout 2
      retry 0
    }`;
}

/** FRR on the balancer: zebra and bgpd, with a session to the router. */

import type {Machine} from '../lab/uml.js';
import {waitFor} from '../lab/wait.js';
import {balancer, router} from './balancer.js';

/** Where `eip-health` and vtysh look for it, too. */
const folder = '/run/frr';

const configuration = `
router bgp ${balancer.as}
 bgp router-id ${balancer.address}
 no bgp ebgp-requires-policy
 neighbor ${router.address} remote-as ${router.as}
 neighbor ${router.address} timers connect 1
 address-family ipv6 unicast
  neighbor ${router.address} activate
 exit-address-family
`;

export class Frr {
  private constructor(readonly machine: Machine) {}

  /** Nobody has configured a network in it. Resolves when the session with the router is up. */
  static async start(machine: Machine): Promise<Frr> {
    // They drop to the user frr before they write anything.
    await machine.sh(`mkdir -p ${folder} && chown frr:frr ${folder}`);
    await machine.write('/run/bgpd.conf', configuration);
    const start = (name: string, ...more: string[]) =>
      machine.start(
        ...[`/usr/lib/frr/${name}`, '-z', `${folder}/zserv.api`, '-i', `${folder}/${name}.pid`],
        ...['--vty_socket', folder, '--log', 'stdout', ...more],
      );
    await start('zebra', '-f', '/dev/null');
    // bgpd that finds no zebra tries again only after ten seconds.
    await waitFor(
      'zebra to listen',
      () => machine.run('ls', `${folder}/zserv.api`),
      () => true,
    );
    await start('bgpd', '-f', '/run/bgpd.conf', '-p', '0');
    const frr = new Frr(machine);
    await waitFor(
      'FRR and the router to have a session',
      () => frr.ask('show bgp summary json'),
      (answer) => answer.includes('"Established"'),
    );
    return frr;
  }

  /** What `vtysh -c COMMAND` prints. */
  ask(command: string): Promise<string> {
    return this.machine.run('vtysh', '--vty_socket', folder, '-c', command);
  }

  /** What an operator types after `configure terminal`. */
  async configure(...lines: readonly string[]): Promise<void> {
    const words = ['configure terminal', ...lines].flatMap((line) => ['-c', line]);
    await this.machine.run('vtysh', '--vty_socket', folder, ...words);
  }

  /** The networks of its running configuration. */
  async networks(): Promise<string[]> {
    const text = await this.ask('show running-config');
    return [...text.matchAll(/^\s*network (\S+)/gm)].map(([, prefix = '']) => prefix).sort();
  }
}

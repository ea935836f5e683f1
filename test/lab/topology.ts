/** The networks that the interop tests share. */

import {addAddress, type Lab} from './lab.js';
import type {Namespace} from './namespace.js';

/** A router beside the host: a shared network, and loopbacks for a multihop session. */
export interface Spoke {
  readonly namespace: Namespace;
  /** The router's addresses on the shared network. */
  readonly address: string;
  readonly address6: string;
  /** The host's addresses on the shared network. */
  readonly hostAddress: string;
  readonly hostAddress6: string;
  /** The router's loopback addresses. */
  readonly loopback: string;
  readonly loopback6: string;
  /** The host's interface to the router, and the router's to the host. */
  readonly hostLink: string;
  readonly link: string;
}

export interface Star {
  readonly host: Namespace;
  /** The host's loopback addresses. */
  readonly hostLoopback: string;
  readonly hostLoopback6: string;
  readonly spokes: readonly Spoke[];
}

/** One host with a cable to each of `count` routers; the routers forward. */
export async function star(lab: Lab, count: number): Promise<Star> {
  const host = await lab.namespace('host');
  const [hostLoopback, hostLoopback6] = ['10.46.0.1', 'fd46::1'];
  await addAddress(host, `${hostLoopback}/32`, 'lo');
  await addAddress(host, `${hostLoopback6}/128`, 'lo');
  const spokes: Spoke[] = [];
  for (let n = 1; n <= count; n++) {
    const spoke: Spoke = {
      namespace: await lab.namespace(`r${n}`),
      hostAddress: `10.45.${n}.1`,
      hostAddress6: `fd45:${n}::1`,
      address: `10.45.${n}.2`,
      address6: `fd45:${n}::2`,
      loopback: `10.47.${n}.1`,
      loopback6: `fd47:${n}::1`,
      hostLink: `r${n}`,
      link: 'eth0',
    };
    const {namespace} = spoke;
    await lab.link(
      {in: host, name: spoke.hostLink, addresses: [`${spoke.hostAddress}/24`, `${spoke.hostAddress6}/64`]},
      {in: namespace, name: spoke.link, addresses: [`${spoke.address}/24`, `${spoke.address6}/64`]},
    );
    await addAddress(namespace, `${spoke.loopback}/32`, 'lo');
    await addAddress(namespace, `${spoke.loopback6}/128`, 'lo');
    await namespace.ip(`route add ${hostLoopback}/32 via ${spoke.hostAddress}`);
    await namespace.ip(`-6 route add ${hostLoopback6}/128 via ${spoke.hostAddress6}`);
    await host.ip(`route add ${spoke.loopback}/32 via ${spoke.address}`);
    await host.ip(`-6 route add ${spoke.loopback6}/128 via ${spoke.address6}`);
    await namespace.forward();
    spokes.push(spoke);
  }
  return {host, hostLoopback, hostLoopback6, spokes};
}

/** A client behind a router behind which several hosts serve the same addresses. */
export interface Fan {
  readonly client: Namespace;
  readonly router: Namespace;
  readonly hosts: readonly {
    readonly namespace: Namespace;
    readonly address: string;
    readonly address6: string;
    readonly routerAddress: string;
  }[];
}

/** `count` hosts, each on a network of its own with the router, and a client; the router hashes ports too (ECMP). */
export async function fan(lab: Lab, count: number): Promise<Fan> {
  const [router, client] = [await lab.namespace('router'), await lab.namespace('client')];
  await router.forward();
  // Hash over addresses and ports: connections of one client spread (kernel: ip-sysctl, fib_multipath_hash_policy).
  await router.sysctl('net.ipv4.fib_multipath_hash_policy', 1);
  await router.sysctl('net.ipv6.fib_multipath_hash_policy', 1);
  const attach = async (namespace: Namespace, network: number, name: string) => {
    await lab.link(
      {in: namespace, name: 'eth0', addresses: [`10.50.${network}.1/24`, `fd50:${network}::1/64`]},
      {in: router, name, addresses: [`10.50.${network}.2/24`, `fd50:${network}::2/64`]},
    );
    await namespace.ip(`route add default via 10.50.${network}.2`);
    await namespace.ip(`-6 route add default via fd50:${network}::2`);
  };
  await attach(client, 100, 'client');
  const hosts: Fan['hosts'][number][] = [];
  for (let n = 1; n <= count; n++) {
    const namespace = await lab.namespace(`host${n}`);
    await attach(namespace, n, `host${n}`);
    hosts.push({
      namespace,
      address: `10.50.${n}.1`,
      address6: `fd50:${n}::1`,
      routerAddress: `10.50.${n}.2`,
    });
  }
  return {client, router, hosts};
}

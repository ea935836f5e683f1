import {z} from 'zod';
import {key, Section} from './section.js';
import type {AddressMode, KernelConfig} from './types.js';
import type {Value} from './value.js';
import {flag, whole} from './values.js';

const modes: Readonly<Record<string, AddressMode>> = {
  when_up: 'when_up',
  true: 'when_up',
  always: 'always',
  never: 'never',
  false: 'never',
};

export const addressMode: z.ZodType<AddressMode> = z
  .unknown()
  .transform((value) => modes[String(value)])
  .pipe(z.enum(['when_up', 'always', 'never'], 'must be when_up, always or never'));

/** IFNAMSIZ is 16 with the closing zero. */
const interfaceName = z
  .string()
  .regex(
    /^(?!\.{1,2}$)[^\s/:]{1,15}$/,
    'is no name of an interface: at most 15 characters, without blanks, "/" and ":"',
  );

/** Numbers of rt_tables(5) that have names everywhere; 0 means "not given" to the kernel. */
const tableNames: Readonly<Record<string, number>> = {main: 254, default: 253};
const table = whole(1, 0xffff_ffff, tableNames);

/** rtnetlink(7) and rt_protos: what others mark their routes with. Ours must be told from theirs. */
const takenProtocols: Readonly<Record<number, string>> = {
  1: 'ICMP redirects',
  2: 'the kernel',
  3: '`ip route` at boot',
  4: '`ip route` by hand',
  9: 'router advertisements',
  11: 'zebra',
  12: 'BIRD',
  16: 'DHCP clients',
  18: 'keepalived',
  42: 'Babel',
  186: 'BGP of FRR',
  187: 'IS-IS of FRR',
  188: 'OSPF of FRR',
  189: 'RIP of FRR',
  192: 'EIGRP of FRR',
};
const protocol = whole(1, 255).superRefine((value, context) => {
  const whose = takenProtocols[value];
  if (whose !== undefined)
    context.addIssue(`${value} marks what belongs to ${whose}: take another, such as 153`);
});

const kernelKeys = {
  interface: key(interfaceName),
  addresses: key(addressMode),
  routes: key(flag),
  table: key(table),
  protocol: key(protocol),
  arp: key(z.enum(['check', 'set', 'off'])),
};

/** The main file's `kernel:` block. */
export function readKernel(value: Value): KernelConfig {
  const section = new Section(value, kernelKeys, {isUsefulEmpty: true});
  return {
    interface: section.get('interface') ?? 'lo',
    addresses: section.get('addresses') ?? 'when_up',
    routes: section.get('routes') ?? false,
    table: section.get('table') ?? 254,
    protocol: section.get('protocol') ?? 153,
    arp: section.get('arp') ?? 'check',
  };
}

const ownKernelKeys = {addresses: key(addressMode), routes: key(flag)};

/** A service's own `kernel:` block over the main file's; `main` undefined: that one is wrong. */
export function readOwnKernel(
  value: Value,
  main: KernelConfig | null | undefined,
): {readonly addresses?: AddressMode; readonly routes?: boolean} {
  const atMain = 'under `kernel` in the main file';
  const elsewhere = {interface: atMain, table: atMain, protocol: atMain, arp: atMain};
  const section = new Section(value, ownKernelKeys, {elsewhere});
  const [addresses, routes] = [section.get('addresses'), section.get('routes')];
  if (main === null && ((addresses ?? 'never') !== 'never' || routes)) {
    value.error(
      'the main file has no `kernel` block, so nothing is put into the kernel: write `kernel: {}` there',
    );
  }
  return {...(addresses && {addresses}), ...(routes !== undefined && {routes})};
}

/** What of a configuration can serve a process that ends at once: pure. */

import type {Config, ServiceConfig} from '../config/types.js';
import type {AnnouncerName} from '../types.js';

export interface OnceConfig {
  /** Without what would end with the process. */
  readonly config: Config;
  /** Why nothing can be done with it; null: something can. */
  readonly refusal: string | null;
  readonly warnings: readonly string[];
}

/** Announces only as long as the process lives: what it is called, and why. */
const endsWithUs = {
  bgp: 'the embedded speaker (`bgp`), whose sessions end with each run',
  exabgp: '`exabgp`, whose process this is not',
} as const;

/** What is left of `config` when nobody stays behind to hold sessions. */
export function forOnce(config: Config): OnceConfig {
  const leftOut = (['bgp', 'exabgp'] as const).filter((name) => config[name] !== null);
  const rest: Config = {...config, bgp: null, exabgp: null};
  const lasting = announcersOf(rest);
  if (leftOut.length === 0) return {config: rest, refusal: null, warnings: []};
  const what = leftOut.map((name) => endsWithUs[name]).join(', and ');
  if (lasting.size === 0) {
    const refusal =
      `only ${what}, could announce: use \`watchdog --schedule\`, or announce through ` +
      '`bird`, `frr` or host routes in the kernel (`kernel: {routes: true}`)';
    return {config: rest, refusal, warnings: []};
  }
  const lost = config.services.filter(({announce}) =>
    announce.every(({via}) => via !== null && !via.some((name) => lasting.has(name))),
  );
  return {
    config: rest,
    refusal: null,
    warnings: [
      `left out: ${what}`,
      ...lost.map(({name, announce}) => {
        const via = [...new Set(announce.flatMap((block) => block.via ?? []))].join(', ');
        return `service ${name} is announced through ${via} alone: \`watchdog --once\` announces nothing of it`;
      }),
    ],
  };
}

/** Through what routes go out that outlive the process. */
function announcersOf({bird, frr, gobgp, kernel, services}: Config): ReadonlySet<AnnouncerName> {
  const asksForHostRoutes = ({announce, kernelRoute}: ServiceConfig): boolean =>
    kernelRoute || announce.some(({via}) => via?.includes('kernel'));
  const found: readonly (readonly [AnnouncerName, boolean])[] = [
    ['bird', bird !== null],
    ['frr', frr !== null],
    ['gobgp', gobgp !== null],
    ['kernel', kernel !== null && (kernel.routes || services.some(asksForHostRoutes))],
  ];
  return new Set(found.flatMap(([name, isThere]) => (isThere ? [name] : [])));
}

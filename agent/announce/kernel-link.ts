import type {LinkInfo} from '../control/rtnetlink-protocol.js';

/** The interface that carries the addresses, as it is now. */
export interface KernelLink {
  readonly name: string;
  /** null: there is none of this name. */
  readonly info: LinkInfo | null;
}

/** Why nothing can be put on it; null when something can. */
export function linkObstacle({name, info}: KernelLink): string | null {
  if (!info) return `there is no interface ${name}`;
  return info.up ? null : `interface ${name} is down`;
}

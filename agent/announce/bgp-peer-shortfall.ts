import type {Standing} from '../bgp/adj-out.js';
import type {PeerWord} from '../types.js';

export interface Shortcoming {
  readonly word: Standing['word'];
  readonly peer: string;
  /** The family's name. */
  readonly family: string;
  readonly state: PeerWord;
  readonly lastError: string | null;
  /** What is missing for a next hop. */
  readonly noNextHop: () => string;
}

/** Why a prefix is not as wanted at a peer; null: it is. */
export function shortfallOf({family, lastError, noNextHop, peer, state, word}: Shortcoming): string | null {
  switch (word) {
    case 'peer-down':
      return `peer ${peer} is ${state}: ${lastError ?? 'no session yet'}`;
    case 'no-next-hop':
      return `peer ${peer}: ${noNextHop()}`;
    case 'not-negotiated':
      return `peer ${peer} does not take ${family} routes`;
    case 'failed':
      return `peer ${peer}: the attributes are too long for an UPDATE`;
    case 'withdraw-pending':
      return `peer ${peer} has not taken the withdrawal yet`;
    default:
      return null;
  }
}

import type {PeerConfig} from '../config/types.js';

const multihopTtl = 64;

/** A direct external peer is one hop away, and what comes from further is none of its business. */
export function ttlTo({localAs, multihop, remoteAs}: PeerConfig): number {
  const isInternal = remoteAs === 'internal' || remoteAs === localAs;
  return multihop ?? (isInternal ? multihopTtl : 1);
}

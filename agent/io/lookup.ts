import {lookup} from 'node:dns';
import type {LookupFunction} from 'node:net';

/** What the system knows of a name; `dns.lookup` in the form used here. */
export type Resolve = (
  hostname: string,
  options: {family: 0 | 4 | 6; all: true},
  callback: (error: NodeJS.ErrnoException | null, addresses: Found[]) => void,
) => void;

interface Found {
  readonly address: string;
  readonly family: number;
}

/**
 * Names to addresses as the system does it. Differs from `dns.lookup` in two ways that matter when the resolver is
 * down: `localhost` never asks (RFC 6761 §6.3), and a name that is being asked for already is not asked again,
 * so that checks which time out every second leave no growing row of lookups behind them.
 */
export function createLookup(resolve: Resolve): LookupFunction {
  const running = new Map<string, Promise<Found[]>>();
  return (hostname, options, callback) => {
    const family = familyNumber(options.family);
    const answer = isLocalhost(hostname) ? Promise.resolve(loopback(family)) : asked(hostname, family);
    answer.then(
      (addresses) => {
        const [first] = addresses;
        if (options.all || !first) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };

  function asked(hostname: string, family: 0 | 4 | 6): Promise<Found[]> {
    const key = `${hostname}/${family}`;
    const before = running.get(key);
    if (before !== undefined) return before;
    const promise = new Promise<Found[]>((found, failed) => {
      resolve(hostname, {family, all: true}, (error, addresses) => {
        running.delete(key);
        if (error) failed(error);
        else found(addresses);
      });
    });
    running.set(key, promise);
    return promise;
  }
}

export const lookupShared: LookupFunction = createLookup(lookup);

function isLocalhost(hostname: string): boolean {
  return /^(.+\.)?localhost\.?$/i.test(hostname);
}

function loopback(family: 0 | 4 | 6): Found[] {
  return [
    {address: '127.0.0.1', family: 4},
    {address: '::1', family: 6},
  ].filter((found) => family === 0 || found.family === family);
}

function familyNumber(family: number | 'IPv4' | 'IPv6' | undefined): 0 | 4 | 6 {
  if (family === 4 || family === 'IPv4') return 4;
  return family === 6 || family === 'IPv6' ? 6 : 0;
}

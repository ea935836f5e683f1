import {lookup} from 'node:dns';
import type {LookupFunction} from 'node:net';

/**
 * Names to addresses as the system does it. Differs from `dns.lookup` in two ways that matter when the resolver is
 * down: `localhost` never asks (RFC 6761 §6.3), and a name that is being asked for already is not asked again,
 * so that checks which time out every second leave no growing row of lookups behind them.
 */
export const lookupShared: LookupFunction = (hostname, options, callback) => {
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

interface Found {
  readonly address: string;
  readonly family: number;
}

const running = new Map<string, Promise<Found[]>>();

function asked(hostname: string, family: 0 | 4 | 6): Promise<Found[]> {
  const key = `${hostname}/${family}`;
  const before = running.get(key);
  if (before !== undefined) return before;
  const promise = new Promise<Found[]>((resolve, reject) => {
    lookup(hostname, {family, all: true}, (error, addresses) => {
      running.delete(key);
      if (error) reject(error);
      else resolve(addresses);
    });
  });
  running.set(key, promise);
  return promise;
}

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

/** What is meant by the words behind `vip add` and `vip del`. */

import {type LookUp, LookupError} from '../io/dns.js';
import {AddressError, hostPrefix, parseAddress, parsePrefix} from '../lib/prefix.js';
import {printable} from '../lib/printable.js';
import {CommandError, exitCode} from './outcome.js';

/** A word as it was written, and the prefixes that it stands for. */
export type Target = {readonly name: string; readonly prefixes: readonly string[]};

/** Addresses and networks as they are, names looked up. Rejects with `CommandError` unless all of them are known. */
export async function targetsOf(words: readonly string[], lookUp: LookUp): Promise<readonly Target[]> {
  return Promise.all(
    words.map(async (word) => ({
      name: word,
      prefixes: isLiteral(word) ? [literal(word)] : await lookedUp(word, lookUp),
    })),
  );
}

/** Whether it is meant to be an address or a network, rightly written or not. */
function isLiteral(word: string): boolean {
  return /[:/]/.test(word) || /^[\d.]+$/.test(word);
}

function literal(word: string): string {
  try {
    return parsePrefix(word);
  } catch (error) {
    if (error instanceof AddressError) throw new CommandError(exitCode.usage, error.message);
    throw error;
  }
}

async function lookedUp(name: string, lookUp: LookUp): Promise<readonly string[]> {
  try {
    return (await lookUp(name)).map((address) => hostPrefix(parseAddress(address)));
  } catch (error) {
    if (!(error instanceof LookupError) && !(error instanceof AddressError)) throw error;
    throw new CommandError(
      exitCode.no,
      `cannot look up ${printable(name)}: ${error.message}; nothing was changed`,
    );
  }
}

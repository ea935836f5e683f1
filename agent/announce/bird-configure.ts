/** The conversation in which BIRD takes a new configuration. */

import type {BirdClient} from '../control/bird-client.js';
import {BirdError, type BirdReply, failureOf, isOlder, replyCode} from '../control/bird-protocol.js';
import {parseStatus} from '../control/bird-show-protocol.js';
import {printable} from '../lib/printable.js';
import type {Clock} from '../types.js';

/** A configuration of a hundred thousand lines takes BIRD a second or two. */
const configureTimeoutMs = 10_000;
/** A reconfiguration waits for the protocols that it restarts. */
const progressTimeoutMs = 30_000;
const progressPolls = {firstMs: 2, limitMs: 250};
/** So long after `configure` BIRD before 2.14 may have gone to sleep over what it has to do. */
const wakeUpMs = 2;

/** Why BIRD would not take its configuration files as they are now; null when it would. */
export async function refusal(client: BirdClient): Promise<string | null> {
  const reply = await client.ask('configure check', configureTimeoutMs);
  return reply.code === replyCode.CONFIGURATION_OK ? null : (failureOf(reply) ?? unexpected(reply));
}

export interface ConfigureOptions {
  readonly client: BirdClient;
  readonly clock: Clock;
  /** BIRD takes it back if it is not confirmed within this time. */
  readonly confirmTimeoutMs: number | null;
  /** There is more to configure already: no use in waiting until this is in effect. */
  readonly hasNews: () => boolean;
}

/** Has BIRD read its files; answers whether it waited until they were in effect. Rejects with `BirdError`. */
export async function configure({
  client,
  clock,
  confirmTimeoutMs,
  hasNews,
}: ConfigureOptions): Promise<boolean> {
  const command =
    confirmTimeoutMs === null ? 'configure' : `configure timeout ${Math.ceil(confirmTimeoutMs / 1000)}`;
  const reply = await client.ask(command, configureTimeoutMs);
  switch (reply.code) {
    case replyCode.RECONFIGURED:
      break;
    case replyCode.RECONFIGURATION_IN_PROGRESS:
    case replyCode.RECONFIGURATION_QUEUED:
      if (!(await waitForIt(client, clock, hasNews))) return false;
      break;
    case replyCode.RECONFIGURATION_UNQUEUED:
      throw new BirdError('another reconfiguration of BIRD took the place of ours');
    case replyCode.ACCESS_DENIED:
      throw new BirdError('BIRD denies it: the control socket is restricted to commands that change nothing');
    default:
      throw new BirdError(`BIRD refuses to configure: ${failureOf(reply) ?? unexpected(reply)}`);
  }
  await wakeUp(client, clock);
  if (confirmTimeoutMs !== null) await confirm(client);
  return true;
}

async function waitForIt(client: BirdClient, clock: Clock, hasNews: () => boolean): Promise<boolean> {
  const giveUpAt = clock.now() + progressTimeoutMs;
  for (let ms = progressPolls.firstMs; !hasNews(); ms = Math.min(ms * 2, progressPolls.limitMs)) {
    await pause(clock, ms);
    const activity = parseStatus(await client.ask('show status'));
    if (activity === 'running') return true;
    if (activity === 'shutting down') throw new BirdError('BIRD is shutting down');
    if (clock.now() >= giveUpAt) throw new BirdError('BIRD is still reconfiguring');
  }
  return false;
}

/**
 * BIRD before 2.14 sleeps over events that `configure` leaves behind, until the next timer: seconds. Any command
 * wakes it, if it comes after BIRD has gone to sleep.
 */
export async function wakeUp(client: BirdClient, clock: Clock): Promise<void> {
  if (!client.version || !isOlder(client.version, 2, 14)) return;
  await pause(clock, wakeUpMs);
  await client.ask('show status');
}

async function confirm(client: BirdClient): Promise<void> {
  const reply = await client.ask('configure confirm', configureTimeoutMs);
  if (reply.code === replyCode.CONFIRMED) return;
  if (reply.code === replyCode.NOTHING_TO_DO) {
    throw new BirdError('BIRD has taken the configuration back: it was not confirmed in time');
  }
  throw new BirdError(`BIRD does not let its configuration be confirmed: ${unexpected(reply)}`);
}

function unexpected({code, text}: BirdReply): string {
  return `it answers "${String(code).padStart(4, '0')} ${printable(text)}"`;
}

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}

import type {Command} from 'commander';
import {describePeerAdmin, PeerOrders} from '../admin/peer-orders.js';
import {drainDefaultMs, orderPeers, type PeerAnswer, type PeerCommand} from '../admin/peer-request.js';
import {systemClock as clock} from '../io/clock.js';
import type {Terminal} from '../io/terminal.js';
import {formatDuration} from '../lib/duration.js';
import {printable} from '../lib/printable.js';
import {styles} from '../lib/styles.js';
import {type Done, examples, invocation, jsonText, withCommonOptions} from './command.js';
import {anyDuration, duration, giveOrder, laterLine, reason, whoCalls} from './give.js';
import {CommandError, exitCode} from './outcome.js';

interface Options {
  readonly all?: boolean;
  readonly reason?: string;
  readonly for?: number;
  readonly drainFor?: number;
}

const words = {
  drain: {
    summary: 'move the traffic away from a peer: its routes are marked, then withdrawn',
    description:
      'Announce all routes to these peers with the GRACEFUL_SHUTDOWN community (RFC 8326; to internal peers also with ' +
      'local preference 0), so that routers take other ways, and withdraw them from these peers alone after ' +
      '--drain-for. The sessions stay.',
    example: 'eip-health peer drain tor-1 --reason "new line card" --for 2h',
  },
  enable: {
    summary: 'announce to a peer again: ends drain and disable',
    description: 'Announce to these peers again, and connect to those that were disabled.',
    example: 'eip-health peer enable tor-1',
  },
  disable: {
    summary: 'drain a peer, then close its session and leave it closed',
    description:
      'Drain these peers, then close their sessions (Cease, administrative shutdown, with the reason as its text: ' +
      'RFC 9003) and do not connect again.',
    example: 'eip-health peer disable tor-1 --reason "moves to another rack"',
  },
} as const;

/** `peer drain`, `peer enable` and `peer disable`: with a daemon through its socket, without one in `state_dir`. */
export function addPeer(program: Command, terminal: Terminal, done: Done): void {
  const group = program
    .command('peer')
    .summary('drain, disable and enable single BGP peers of the embedded speaker')
    .description(
      'Drain, disable and enable single BGP peers of the embedded speaker, for work on a router. What the services ' +
        'announce to the other peers stays as it is. See them with `eip-health peers`.',
    )
    .helpCommand(false)
    .usage('drain|enable|disable [options] <peers...>');
  withCommonOptions(group, 'print what is in force now as JSON').addHelpText(
    'after',
    examples([words.drain.example, 'before work on a router'], ['eip-health peer enable tor-1', 'after it']),
  );
  for (const name of ['drain', 'enable', 'disable'] as const) addOne(group, name, terminal, done);
}

function addOne(group: Command, name: keyof typeof words, terminal: Terminal, done: Done): void {
  const {description, example, summary} = words[name];
  const command = group
    .command(`${name} [peers...]`)
    .summary(summary)
    .description(
      `${description} It lasts across restarts of the daemon and of the machine; without a daemon it counts from its ` +
        'next start.',
    )
    .option('--all', 'all peers of the configuration');
  if (name !== 'enable') {
    command
      .option('--reason <text>', 'why; shown by status, in the log and, with disable, to the peer', reason)
      .option('--for <duration>', 'ends by itself after this time (2h, 30m)', duration)
      .option(
        '--drain-for <duration>',
        `how long the marked routes stay before they are withdrawn (default: ${formatDuration(drainDefaultMs)}; 0 = not at all)`,
        anyDuration,
      );
  }
  withCommonOptions(command, 'print what is in force now as JSON')
    .addHelpText('after', examples([example, summary.split(':')[0] ?? '']))
    .action(async (peers: string[], options: Options, command: Command) => {
      if (peers.length > 0 === (options.all ?? false)) {
        throw new CommandError(exitCode.usage, `peer ${name}: name peers, or write --all`);
      }
      const called = invocation(command, terminal);
      const order: PeerCommand = `peer-${name}`;
      const args = {
        peers: options.all ? null : peers,
        by: whoCalls(),
        reason: options.reason ?? null,
        for_ms: options.for ?? null,
        drain_ms: options.drainFor ?? null,
      };
      const {answer, isLater} = await giveOrder(called, order, args, (config, store) => {
        const orders = new PeerOrders({store: store.peers, clock, onChange: () => {}});
        const noted = orderPeers(order, args, {config, orders, clock});
        orders.stop();
        return noted;
      });
      if (called.json) terminal.out(jsonText({...answer, daemon: !isLater}));
      else {
        for (const peer of answer.peers) terminal.out(lineOf(peer));
        if (isLater) terminal.out(laterLine);
      }
      const {yellow} = styles(terminal.errColor);
      for (const warning of answer.warnings) terminal.err(`${yellow('warning:')} ${printable(warning)}\n`);
      done(exitCode.ok);
    });
}

/** `tor-1: disabled by root: moves to another rack; its routes go at 2026-11-21T14:00:00.000Z`. */
function lineOf({name, admin}: PeerAnswer['peers'][number]): string {
  const why = admin.state === 'enabled' ? '' : ` ${describePeerAdmin(admin)}`;
  const end = admin.drain_until === null ? '' : `; its routes stay, marked, until ${admin.drain_until}`;
  return `${printable(`${name}: ${admin.state}${why}${end}`)}\n`;
}

/**
 * `vip_mgmt -a|-d NAME` of multihoming-quagga-bgp-mgt: its options, messages and exit codes. With services in the
 * configuration, or a daemon, it is `vip add` and `vip del`. Without it acts on FRR at once, and what it has deleted is
 * held out all the same, so that no round of the watchdog brings it back.
 */

import {hostname} from 'node:os';
import type {HoldCommand, HoldDone} from '../admin/holds.js';
import {loadConfig} from '../config/load.js';
import type {SyslogTarget} from '../config/syslog.js';
import {createSyslog} from '../events/syslog.js';
import {scriptMessage} from '../events/syslog-format.js';
import {isAnnouncedVip} from '../events/vips.js';
import {systemClock as clock} from '../io/clock.js';
import {type LookUp, LookupError, lookUp} from '../io/dns.js';
import {connectLog} from '../io/log-socket.js';
import type {Terminal} from '../io/terminal.js';
import {printable} from '../lib/printable.js';
import type {Program} from './called-as.js';
import {CommandError, exitCode} from './outcome.js';
import {giveHold, type HoldMeans} from './vip.js';

/** What it has always ended with, whatever was wrong. */
const failed = 255;

const usage = `
Add/Remove VIP announces from the BGP router
Usage: 
   vip_mgmt [-a|-d] <vip_name>
   vip_name : Name of the VIP service
   * This name shall be resolved via DNS
   * Its announce from the local BGPd router will be added or deleted from the network
`;

const commands: Readonly<Record<string, HoldCommand>> = {'-a': 'vip-add', '-d': 'vip-del'};

export const vipMgmt: Program = (argv, terminal) => runVipMgmt(argv, terminal);

/** `--config FILE` behind the rest is understood as well. */
export async function runVipMgmt(
  [action = '', name = '', ...rest]: readonly string[],
  terminal: Terminal,
  resolve: LookUp = lookUp,
): Promise<number> {
  const command = Object.hasOwn(commands, action) ? commands[action] : undefined;
  if (command === undefined || name === '') {
    terminal.out(usage);
    return failed;
  }
  const [option, file] = rest;
  const configFile = option === '--config' || option === '-c' ? file : undefined;
  const called = {terminal, json: false, ...(configFile === undefined ? {} : {configFile})};
  let unknown = false;
  const means: HoldMeans = {
    resolve: async (asked) => {
      try {
        return await resolve(asked);
      } catch (error) {
        unknown = error instanceof LookupError;
        throw error;
      }
    },
    withoutDaemon,
  };
  try {
    const done = await giveHold(called, command, [name], {}, means);
    const said: string[] = [];
    const code = command === 'vip-del' ? sayDeleted(done, terminal, said) : sayAdded(done, terminal, said);
    for (const line of said) terminal.err(`bgp_mgt: ${line}\n`);
    await sendToSystemLog(said, configFile);
    return code;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (unknown) terminal.out(`Unable to lookup ${printable(name)}. Exiting..\n`);
    for (const line of error.message.split('\n')) terminal.err(`vip_mgmt: ${printable(line)}\n`);
    return failed;
  }
}

const withoutDaemon: HoldMeans['withoutDaemon'] & {} = async (command, args, config, store) => {
  // Loaded here, so that what is wrong is said at once.
  const {holdByHand, holdWithoutDaemon} = await import('../vips.js');
  if (config.services.length > 0) return holdWithoutDaemon(command, args, config, store);
  const {frr} = config;
  if (frr) return holdByHand(command, args, {...config, frr}, store);
  throw new CommandError(
    exitCode.config,
    `${config.file} has no services and no \`frr\` block: write \`frr: {}\` to act on FRR directly`,
  );
};

/** As `logger -t bgp_mgt` did; where `log.syslog.compat` does it, it is done. */
async function sendToSystemLog(lines: readonly string[], configFile: string | undefined): Promise<void> {
  const configured = loadConfig({configFile}).config?.log.syslog ?? null;
  if (lines.length === 0 || configured?.compat) return;
  const target = configured?.target ?? devLog;
  const origin = {hostname: hostname(), pid: process.pid};
  const config = {target, format: 'rfc3164', facility: 'user', tag: 'bgp_mgt'} as const;
  const syslog = createSyslog({config, origin, connect: connectLog, clock, report: () => {}});
  for (const text of lines)
    syslog.send(scriptMessage({tag: 'bgp_mgt', text}, clock.wallMs(), config, origin));
  await syslog.close(1000);
}

const devLog: SyslogTarget = {kind: 'unix', path: '/dev/log'};

function sayDeleted({vips}: HoldDone, terminal: Terminal, said: string[]): number {
  for (const {prefix, was_announced} of vips) {
    if (was_announced) said.push(`Deleting route to ${prefix}`);
    else terminal.out(`Route ${prefix} already removed\n`);
  }
  const left = vips.filter(isAnnouncedVip);
  for (const {prefix, reasons} of left) {
    const why = Object.values(reasons).map((reason) => `: ${reason}`);
    terminal.err(`vip_mgmt: ${printable(`${prefix} is still announced${why.join('')}`)}\n`);
  }
  return left.length > 0 ? failed : exitCode.ok;
}

function sayAdded({vips}: HoldDone, terminal: Terminal, said: string[]): number {
  let code: number = exitCode.ok;
  for (const vip of vips) {
    const {prefix, reasons, services, was_announced, was_held} = vip;
    const names = services.map(({name}) => name).join(' or ');
    if (was_announced) terminal.out(`Route ${prefix} already exists\n`);
    else if (reasons.frr !== undefined && services.length === 0) {
      terminal.err(`vip_mgmt: ${printable(`${prefix} was not added: ${reasons.frr}`)}\n`);
      code = failed;
    } else if (services.length === 0 || was_held) said.push(`Adding route to ${prefix}`);
    if (services.length > 0 && !was_announced && !isAnnouncedVip(vip)) {
      terminal.err(`vip_mgmt: ${printable(`${prefix} returns when the checks of ${names} pass`)}\n`);
    }
  }
  return code;
}

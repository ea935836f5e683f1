import type {Command} from 'commander';
import {readRouterId} from '../admin/router-id.js';
import {checkAgainstHost, chooseRouterId, missingRouterId} from '../config/host.js';
import {loadConfig} from '../config/load.js';
import {printConfig} from '../config/print.js';
import type {Config, Problem} from '../config/types.js';
import {NetlinkClient} from '../control/netlink-client.js';
import {systemClock} from '../io/clock.js';
import {createHostNetwork} from '../io/host-network.js';
import {openNetlinkSocket} from '../io/netlink-socket.js';
import type {Terminal} from '../io/terminal.js';
import {styles} from '../lib/styles.js';
import type {InterfaceAddress} from '../types.js';
import {type Done, examples, invocation, jsonText, withCommonOptions} from './command.js';
import {exitCode} from './outcome.js';
import {countOf, problemLines} from './problems.js';

export function addValidate(program: Command, terminal: Terminal, done: Done): void {
  const command = program
    .command('validate')
    .summary('say everything that is wrong with the configuration')
    .description(
      'Read the configuration and say everything that is wrong with it. The exit code is 1 if anything is.',
    )
    .option('--print', 'print all of it as it is understood, defaults included, without passwords');
  withCommonOptions(command, 'print the findings as JSON')
    .addHelpText(
      'after',
      examples(
        ['eip-health validate', 'before a reload'],
        ['eip-health validate --print -c eip-health.yaml', 'what is in force, and the worst detection times'],
      ),
    )
    .action(async (options: {print?: boolean}, command: Command) => {
      const {configFile, json} = invocation(command, terminal);
      const {config, files, problems: found} = loadConfig({configFile});
      const problems = config === null ? found : [...found, ...(await problemsOnHost(config))];
      const [errors, warnings] = [countOf(problems, 'error'), countOf(problems, 'warning')];
      const services = config?.services.length ?? 0;
      const printed = options.print && config !== null ? printConfig(config) : null;
      if (json) {
        terminal.out(
          jsonText({files, services, errors, warnings, problems, ...(printed !== null && {config: printed})}),
        );
      } else {
        // What is printed can be read again: the findings do not stand in it.
        const color = options.print ? terminal.errColor : terminal.color;
        const say = (text: string): void => (options.print ? terminal.err(text) : terminal.out(text));
        const {green, red} = styles(color);
        const sum = [
          counted(services, 'service'),
          counted(errors, 'error'),
          counted(warnings, 'warning'),
        ].join(', ');
        if (printed !== null) terminal.out(printed);
        say(`${problemLines(problems, color)}${errors > 0 ? red(sum) : green(sum)}\n`);
      }
      done(errors > 0 ? exitCode.no : exitCode.ok);
    });
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** What cannot work on this host. */
async function problemsOnHost(config: Config): Promise<readonly Problem[]> {
  if (config.bgp === null) return [];
  try {
    const addresses = await addressesOfHost();
    const routerId = chooseRouterId(config, addresses, readRouterId(config.stateDir));
    return [...checkAgainstHost(config, addresses), ...(routerId === null ? [missingRouterId(config)] : [])];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `this host's addresses cannot be read, so nothing that depends on them was checked: ${reason}`;
    return [{severity: 'warning', file: config.file ?? '', line: 0, column: 0, message, scope: 'main'}];
  }
}

async function addressesOfHost(): Promise<readonly InterfaceAddress[]> {
  const client = new NetlinkClient({open: openNetlinkSocket, clock: systemClock});
  try {
    const network = await createHostNetwork(client);
    const addresses = network.addresses();
    network.stop();
    return addresses;
  } finally {
    client.stop();
  }
}

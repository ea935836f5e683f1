import type {Command} from 'commander';
import type {Status} from '../events/status.js';
import {peersSection, routesSection, type Section} from '../events/status-sections.js';
import {renderTable} from '../events/status-table.js';
import type {Terminal} from '../io/terminal.js';
import {type Done, examples, invocation, jsonText, withCommonOptions} from './command.js';
import {exitCode} from './outcome.js';
import {readStatus} from './status.js';

interface Table {
  readonly name: 'peers' | 'routes';
  readonly summary: string;
  readonly description: string;
  readonly example: string;
  readonly section: (status: Status) => Section;
  /** What is said when there are none. */
  readonly empty: string;
}

const tables: readonly Table[] = [
  {
    name: 'peers',
    summary: 'show the BGP peers of the running daemon',
    description:
      'Show the BGP peers of the running daemon: the state of each session and since when, how many prefixes are ' +
      'announced to it and were received from it, whether somebody has drained or disabled it, and what went wrong last.',
    example: 'eip-health peers --json | jq -r \'.[] | select(.state != "established").name\'',
    section: ({at, peers}) => peersSection(peers, Date.parse(at)),
    empty: 'no peers: the embedded speaker is not configured (`bgp` in the main file)',
  },
  {
    name: 'routes',
    summary: 'show the routes of the running daemon',
    description:
      'Show the routes of the running daemon: what is wanted, whose it is, what is in the kernel, to whom it is ' +
      'announced with which next hop, and why not.',
    example: "eip-health routes --json | jq '.[].prefix'",
    section: ({routes}) => routesSection(routes),
    empty: 'nothing is to be announced now, and nothing is left',
  },
];

/** `peers` and `routes`: one table of `status` each. */
export function addTables(program: Command, terminal: Terminal, done: Done): void {
  for (const {description, empty, example, name, section, summary} of tables) {
    const command = program.command(name).summary(summary).description(description);
    withCommonOptions(command, 'print them as JSON, as `status` has them')
      .addHelpText('after', examples([`eip-health ${name}`, 'all of them'], [example, 'for scripts']))
      .action(async (_options, command: Command) => {
        const called = invocation(command, terminal);
        const status = await readStatus(called);
        const {color, width} = terminal;
        terminal.out(
          called.json ? jsonText(status[name]) : renderTable(section(status), empty, {color, width}),
        );
        done(exitCode.ok);
      });
  }
}

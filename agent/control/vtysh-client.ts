/** FRR through `vtysh -c`: a process for each batch of commands, where bgpd's own socket cannot be reached. */

import type {Exec} from '../types.js';
import {checkCommand, FrrError, NoBgpError, type VtyAnswer, vtyStatus} from './vty-protocol.js';

export interface VtyshOptions {
  readonly vtysh: string;
  /** The folder of the daemons' sockets; absent: the one that vtysh was built with. */
  readonly folder?: string;
  readonly exec: Exec;
}

const timeoutMs = 10_000;
const maxBytes = 64 * 2 ** 20;

/**
 * The answers to the commands in their order, up to the first one that was refused: vtysh does not carry out what
 * comes behind it. Rejects with `FrrError` where there is no answer, and where a command may not be sent; with
 * `NoBgpError` where vtysh finds other daemons but no bgpd.
 */
export async function askVtysh(
  {vtysh, folder, exec}: VtyshOptions,
  commands: readonly string[],
): Promise<readonly VtyAnswer[]> {
  if (commands.length === 0) return [];
  const argv = [
    vtysh,
    ...(folder === undefined ? [] : ['--vty_socket', folder]),
    // Writes each command before its answer, which tells the answers apart.
    '-E',
    ...commands.flatMap((command) => ['-c', checkCommand(command)]),
  ];
  const {outcome, code, reason, stdout, stderr, truncated} = await exec.run(argv, {timeoutMs, maxBytes});
  if (outcome !== 'exited') throw new FrrError(`${vtysh}: ${reason}`);
  if (truncated) throw new FrrError(`${vtysh}: the answer is longer than ${maxBytes} bytes`);
  if (/^bgpd is not running$/m.test(stderr)) throw new NoBgpError(`${vtysh}: bgpd is not running`);
  const isRunning = !/^(\w+) is not running$/m.test(stderr);
  const answers = splitEchoed(stdout, commands);
  const last = answers.at(-1);
  if (!last || !isRunning)
    throw new FrrError(`${vtysh}: ${firstLine(stderr) ?? firstLine(stdout) ?? reason}`);
  // vtysh stops where a command was refused; old versions of it exit with 0 all the same.
  if (code !== 0 || answers.length < commands.length)
    answers[answers.length - 1] = {...last, status: vtyStatus.WARNING};
  return answers;
}

/** Cuts what `vtysh -E` prints at the lines that are a prompt and the next command. */
export function splitEchoed(output: string, commands: readonly string[]): VtyAnswer[] {
  const answers: VtyAnswer[] = [];
  let text: string[] = [];
  for (const line of output.split('\n')) {
    const next = commands[answers.length];
    if (next !== undefined && isEcho(line, next)) {
      const previous = answers.at(-1);
      if (previous) answers[answers.length - 1] = {...previous, text: text.join('\n')};
      answers.push({command: next, text: '', status: vtyStatus.SUCCESS});
      text = [];
    } else text.push(line);
  }
  const previous = answers.at(-1);
  if (previous) answers[answers.length - 1] = {...previous, text: text.join('\n')};
  return answers;
}

/** `host(config-router)# network …` */
function isEcho(line: string, command: string): boolean {
  return line.endsWith(` ${command}`) && /^\S+[#>]$/.test(line.slice(0, -command.length - 1));
}

function firstLine(text: string): string | null {
  const line = text
    .split('\n')
    .find((found) => found.trim() !== '' && !/^% Can't open configuration/.test(found));
  return line === undefined ? null : line.trim().slice(0, 200);
}

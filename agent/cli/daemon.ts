/** The commands' way to the running daemon, by way of the configuration. */

import {callDaemon, DaemonError} from '../api/client.js';
import {loadConfig} from '../config/load.js';
import {parseConfig} from '../config/parse.js';
import {readYaml} from '../config/yaml-text.js';
import {exists, readConfigText} from '../io/config-files.js';
import type {Json, JsonObject} from '../types.js';
import type {Invocation} from './command.js';
import {CommandError, exitCode} from './outcome.js';

/** Hardly anything the daemon does for a command takes longer. */
const usualTimeoutMs = 30_000;

/** Rejects with `CommandError`, whose code is 5 when no daemon answers. */
export async function askDaemon(
  called: Invocation,
  cmd: string,
  args: JsonObject = {},
  timeoutMs = usualTimeoutMs,
): Promise<Json> {
  try {
    return await callDaemon(controlSocketOf(called.configFile), cmd, args, timeoutMs);
  } catch (error) {
    if (error instanceof DaemonError) {
      const lost = error.code === exitCode.noDaemon && !isConfigured(called.configFile);
      throw new CommandError(error.code, lost ? `${error.message}; ${noConfiguration}` : error.message);
    }
    throw error;
  }
}

const noConfiguration = 'nor is there a configuration: if it has another place, name it with --config';

function isConfigured(configFile: string | undefined): boolean {
  if (configFile !== undefined) return true;
  const [file] = loadConfig({configFile}).files;
  return file !== undefined && exists(file);
}

/**
 * Where the daemon of this configuration listens, also when the file has been broken since the daemon started. Without
 * any configuration it is the usual place. Throws `CommandError` for a file that cannot be read.
 */
export function controlSocketOf(configFile: string | undefined): string {
  const {config, files} = loadConfig({configFile});
  const [file = ''] = files;
  if (config) return config.controlSocket;
  const isThere = configFile !== undefined || exists(file);
  const socket = socketOf(file, isThere ? writtenSocket(file) : undefined) ?? socketOf(file, undefined);
  if (socket === undefined) throw new Error('an empty configuration is not valid');
  return socket;
}

/** What one key of a file says, whatever else is in it. */
function writtenSocket(file: string): unknown {
  const [main] = readYaml(file, readText(file), () => 'main');
  return main?.root
    ?.fields()
    .find(({key}) => key === 'control_socket')
    ?.value.plain();
}

function readText(file: string): string {
  try {
    return readConfigText(file);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const code = message.endsWith('permission denied') ? exitCode.notPermitted : exitCode.config;
    throw new CommandError(code, message);
  }
}

function socketOf(file: string, written: unknown): string | undefined {
  const text = JSON.stringify(written === undefined ? {} : {control_socket: written});
  return parseConfig({main: {file, text}, services: []}, () => '').config?.controlSocket;
}

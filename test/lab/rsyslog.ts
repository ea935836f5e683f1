import {existsSync, readFileSync} from 'node:fs';
import {writeFile} from 'node:fs/promises';
import {createConnection} from 'node:net';
import {join} from 'node:path';
import {root} from '../root.js';
import type {Namespace} from './namespace.js';
import type {Program} from './program.js';
import {waitFor} from './wait.js';

/** A message as rsyslog understood it. */
export interface SyslogMessage {
  /** `imudp`, `imtcp`, `imuxsock`. */
  readonly input: string;
  readonly host: string;
  readonly app: string;
  readonly pid: string;
  /** `daemon.warning`. */
  readonly priority: string;
  /** `-` where there is none. */
  readonly structured: string;
  readonly text: string;
}

export const rsyslogPorts = {udp: 5514, tcp: 5601, tls: 6514} as const;

/** rsyslogd on UDP, TCP, TLS (as `localhost`) and a socket like /dev/log, all with the parsers it comes with. */
export class Rsyslog {
  /** In place of /dev/log. */
  readonly socket: string;
  readonly #output: string;
  #program: Program | null = null;

  constructor(
    readonly namespace: Namespace,
    readonly folder: string,
  ) {
    this.socket = join(folder, 'dev-log');
    this.#output = join(folder, 'messages');
  }

  async start(): Promise<void> {
    const file = join(this.folder, 'rsyslog.conf');
    await writeFile(file, this.#config());
    const pidFile = join(this.folder, 'pid');
    const program = this.namespace.spawn(['/usr/sbin/rsyslogd', '-n', '-f', file, '-i', pidFile]);
    this.#program = program;
    await waitFor(
      'rsyslogd to listen',
      async () => (program.isRunning ? await accepts(this.socket) : null),
      (isReady) => {
        if (isReady === null) throw new Error(program.describe());
        return isReady;
      },
    );
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
    this.#program = null;
  }

  async close(): Promise<void> {
    await this.#program?.kill();
  }

  /** Waits for a message whose text holds `words`, and answers it. */
  async message(words: string, timeoutMs?: number): Promise<SyslogMessage> {
    const messages = await waitFor(
      `rsyslog to have "${words}"`,
      () => this.messages.filter(({text}) => text.includes(words)),
      (found) => found.length > 0,
      timeoutMs,
    );
    const [first] = messages;
    if (!first) throw new Error('no message');
    return first;
  }

  get messages(): SyslogMessage[] {
    return this.#text
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        const [input = '', host = '', app = '', pid = '', priority = '', structured = '', ...text] =
          line.split('|');
        return {input, host, app, pid, priority, structured, text: text.join('|').trimStart()};
      });
  }

  describe(): string {
    return `--- ${this.#program?.describe() ?? 'rsyslogd is stopped'}\n${this.#text}`;
  }

  get #text(): string {
    return existsSync(this.#output) ? readFileSync(this.#output, 'utf8') : '';
  }

  #config(): string {
    const tls = join(root, 'test/fake/tls');
    const fields = ['inputname', 'hostname', 'app-name', 'procid', 'pri-text', 'structured-data', 'msg'];
    return `
global(
  workDirectory="${this.folder}"
  defaultNetstreamDriverCAFile="${tls}/ca.pem"
  defaultNetstreamDriverCertFile="${tls}/localhost.pem"
  defaultNetstreamDriverKeyFile="${tls}/server.key"
)
module(load="imuxsock" sysSock.use="off")
module(load="imudp")
module(load="imtcp")
input(type="imuxsock" socket="${this.socket}")
input(type="imudp" port="${rsyslogPorts.udp}")
input(type="imtcp" port="${rsyslogPorts.tcp}")
input(type="imtcp" port="${rsyslogPorts.tls}" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="fields" type="string" string="${fields.map((name) => `%${name}%`).join('|')}\\n")
action(type="omfile" file="${this.#output}" template="fields")
`;
  }
}

/** Whether something is bound to a datagram socket: a stream is refused there for its type only. */
function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path, () => resolve(true));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EPROTOTYPE'));
  });
}

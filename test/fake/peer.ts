import {decodeMessage, encodeSimple} from '../../agent/bgp/wire/codec.js';
import {Framer} from '../../agent/bgp/wire/frame.js';
import type {Capability, Message, Open, Update} from '../../agent/bgp/wire/message.js';
import {localOpen} from '../../agent/bgp/wire/negotiate.js';
import {parseAddress} from '../../agent/lib/prefix.js';
import type {IpFamily} from '../../agent/types.js';
import {FakeRib} from './rib.js';

export interface FakePeerOptions {
  readonly as: number;
  readonly id: string;
  readonly holdTimeS: number;
  readonly families: readonly IpFamily[];
  /** A speaker of RFC 6793; without, our 4-octet AS number shows as AS_TRANS. */
  readonly fourOctetAs: boolean;
  /** Keeps our routes while we restart (RFC 4724), with `notification` behind a NOTIFICATION too (RFC 8538). */
  readonly keeps: 'nothing' | 'routes' | 'notification';
  /** Answers an OPEN by its own and a KEEPALIVE, as a peer that likes us would. */
  readonly answers: boolean;
}

const defaults: FakePeerOptions = {
  as: 65535,
  id: '10.255.255.1',
  holdTimeS: 90,
  families: ['ipv4', 'ipv6'],
  fourOctetAs: true,
  keeps: 'nothing',
  answers: true,
};

/** The other side of a session, over whatever carries bytes: reads strictly, and says only what it is told to. */
export class FakePeer {
  readonly options: FakePeerOptions;
  readonly received: Message[] = [];
  /** Knows from the OPEN what kind of peer we are. */
  rib = new FakeRib();
  readonly #write: (bytes: Uint8Array) => void;
  readonly #framer = new Framer();
  readonly #waiting = new Set<() => void>();

  constructor(write: (bytes: Uint8Array) => void, options: Partial<FakePeerOptions> = {}) {
    this.#write = write;
    this.options = {...defaults, ...options};
  }

  get open(): Open {
    const {as, families, fourOctetAs, holdTimeS, id, keeps} = this.options;
    const open = localOpen({as, id: parseAddress(id), holdTimeS, families});
    const capabilities = open.capabilities.filter(({kind}) => fourOctetAs || kind !== 'four-octet-as');
    if (keeps === 'nothing') return {...open, capabilities};
    const notification = keeps === 'notification';
    const help: Capability = {
      kind: 'graceful-restart',
      restarted: false,
      notification,
      restartTimeS: 120,
      families: [],
    };
    return {...open, capabilities: [...capabilities, help]};
  }

  send(message: Exclude<Message, Update> | Uint8Array): void {
    this.#write(message instanceof Uint8Array ? message : encodeSimple(message));
  }

  /** What came over the wire; throws for what no speaker may send. */
  receive(bytes: Uint8Array): void {
    this.#framer.push(bytes);
    for (let answer = this.#framer.next(); answer.kind !== 'more'; answer = this.#framer.next()) {
      if (answer.kind === 'fault') throw new Error(`our speaker sent ${answer.fault.cause}`);
      const decoded = decodeMessage(answer, this.rib.context);
      if (!decoded.ok) throw new Error(`our speaker sent ${decoded.fault.cause}`);
      this.#take(decoded.message);
    }
  }

  /** Resolves once `holds` is true; asked again with every message. */
  async until(holds: (peer: FakePeer) => boolean): Promise<void> {
    while (!holds(this)) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** The first message of a type, once it is there. */
  async message<Type extends Message['type']>(type: Type): Promise<Extract<Message, {type: Type}>> {
    await this.until(({received}) => received.some((message) => message.type === type));
    const found = this.received.find((message) => message.type === type);
    return found as Extract<Message, {type: Type}>;
  }

  #greet(open: Open): void {
    const {answers, as, fourOctetAs} = this.options;
    this.rib = new FakeRib({fourOctetAs, external: open.as !== as});
    if (!answers) return;
    this.send(this.open);
    this.send({type: 'keepalive'});
  }

  #take(message: Message): void {
    this.received.push(message);
    if (message.type === 'update') this.rib.learn(message);
    if (message.type === 'open') this.#greet(message);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

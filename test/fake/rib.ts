import {decodeMessage} from '../../agent/bgp/wire/codec.js';
import {Framer} from '../../agent/bgp/wire/frame.js';
import type {PathAttribute, Update} from '../../agent/bgp/wire/message.js';
import type {IpAddress, IpFamily, Prefix} from '../../agent/types.js';

export interface LearnedRoute {
  readonly nextHop: IpAddress | null;
  readonly attributes: readonly PathAttribute[];
}

/** What a peer's table holds after the UPDATEs that it was fed: an independent reader of what we write. */
export class FakeRib {
  readonly routes = new Map<Prefix, LearnedRoute>();
  readonly updates: Update[] = [];
  readonly endOfRib: IpFamily[] = [];
  /** Prefixes in the order in which they came: `+192.0.2.1/32`, `-192.0.2.1/32`. */
  readonly journal: string[] = [];

  constructor(readonly context = {fourOctetAs: true, external: true}) {}

  /** Whole messages. Throws for anything but a faultless UPDATE. */
  feed(...messages: readonly Uint8Array[]): void {
    const framer = new Framer();
    for (const message of messages) framer.push(message);
    for (let answer = framer.next(); answer.kind !== 'more'; answer = framer.next()) {
      if (answer.kind === 'fault') throw new Error(`a bad frame: ${answer.fault.cause}`);
      const decoded = decodeMessage(answer, this.context);
      if (!decoded.ok) throw new Error(`a bad message: ${decoded.fault.cause}`);
      if (decoded.message.type !== 'update') throw new Error(`a ${decoded.message.type}`);
      this.learn(decoded.message);
    }
  }

  learn(update: Update): void {
    if (update.faults.length > 0) throw new Error(update.faults.map(({reason}) => reason).join(', '));
    this.updates.push(update);
    if (update.endOfRib) this.endOfRib.push(update.endOfRib);
    const {announced, withdrawn} = update.prefixes();
    for (const prefix of withdrawn) {
      this.journal.push(`-${prefix}`);
      this.routes.delete(prefix);
    }
    for (const {prefix, nextHop} of announced) {
      this.journal.push(`+${prefix}`);
      this.routes.set(prefix, {nextHop, attributes: update.attributes});
    }
  }

  /** `192.0.2.1/32` → `10.0.0.1`, in the order of the prefixes as text. */
  get nextHops(): Record<string, string | null> {
    return Object.fromEntries([...this.routes].sort().map(([prefix, {nextHop}]) => [prefix, nextHop]));
  }
}

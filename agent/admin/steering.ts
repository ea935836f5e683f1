/**
 * How people steer what runs here, put together: the store, the orders in it, the files and windows that drain services,
 * and the commands that change it.
 */

import type {Config, ServiceConfig} from '../config/types.js';
import {systemFiles} from '../io/files.js';
import {presenceOf} from '../io/presence.js';
import type {AdminState, Clock, Emit, JsonObject, Prefix} from '../types.js';
import {DisableFiles} from './disable-files.js';
import {describeOutcome, type HoldAnswer, type HoldCommand, hold} from './holds.js';
import {describeAdmin, describeOrder, Orders} from './orders.js';
import {PeerOrders} from './peer-orders.js';
import {orderPeers, type PeerAnswer, type PeerCommand} from './peer-request.js';
import {type AdminAnswer, type AdminCommand, order} from './request.js';
import {type AdminStore, type Hold, openAdminStore, type PeerStore} from './store.js';

export interface SteeringOptions {
  /** Whose lock we hold. */
  readonly stateDir: string;
  readonly clock: Clock;
  readonly emit: Emit;
  /** After `start`: something has begun or ended by itself. */
  readonly onChange: () => void;
  /** The same, of peers. */
  readonly onPeerChange: () => void;
}

export class Steering {
  readonly #options: SteeringOptions;
  readonly #disableFiles: DisableFiles;
  readonly store: AdminStore & {readonly peers: PeerStore};
  readonly orders: Orders;
  readonly peerOrders: PeerOrders;
  /** As last told of. */
  #told: ReadonlyMap<Prefix, Hold> = new Map();
  #isStarted = false;

  /** Throws when what is kept cannot be understood. */
  constructor(options: SteeringOptions) {
    const {clock, stateDir} = options;
    this.#options = options;
    const onChange = (): void => this.#onChange();
    const {watch} = systemFiles;
    this.#disableFiles = new DisableFiles({watch, look: presenceOf, clock, onChange});
    const presence = (path: string) => this.#disableFiles.presence(path);
    this.store = openAdminStore(stateDir);
    this.orders = new Orders({store: this.store, clock, presence, onChange});
    this.peerOrders = new PeerOrders({store: this.store.peers, clock, onChange: options.onPeerChange});
  }

  /** From now on the files and windows of these count, and of no others. */
  follow(services: readonly ServiceConfig[]): void {
    this.#disableFiles.set(services.flatMap(({disableFile}) => disableFile ?? []));
    this.orders.follow(services);
    if (this.#isStarted) this.orders.start();
  }

  /** Says what is held out, and from now on when something changes by itself. */
  start(): void {
    this.#isStarted = true;
    this.#told = this.orders.held();
    for (const [prefix, hold] of this.#told)
      this.#say(`${prefix} is held out ${describeOrder(hold)}`, {prefix, ...hold});
    this.orders.start();
    this.peerOrders.start();
  }

  stop(): void {
    this.#isStarted = false;
    this.#disableFiles.stop();
    this.orders.stop();
    this.peerOrders.stop();
  }

  /** What is wanted of a service, and what to say of it. */
  readonly adminOf = (service: ServiceConfig): {readonly state: AdminState; readonly reason: string} => {
    const admin = this.orders.of(service);
    return {state: admin.state, reason: describeAdmin(admin)};
  };

  readonly held = (): ReadonlySet<Prefix> => new Set(this.orders.held().keys());

  /** `drain` and its like. Throws `ApiError`, and has changed nothing then. */
  order(command: AdminCommand, args: JsonObject, services: readonly ServiceConfig[]): AdminAnswer {
    const {clock} = this.#options;
    return order(command, args, {services, orders: this.orders, clock});
  }

  /** `vip add` and `vip del`, told in the log. Throws `ApiError`, and has changed nothing then. */
  hold(
    command: HoldCommand,
    args: JsonObject,
    config: Pick<Config, 'allow' | 'bird'>,
    services: readonly ServiceConfig[],
  ): HoldAnswer {
    const {clock} = this.#options;
    const answer = hold(command, args, {config, services, orders: this.orders, clock});
    for (const outcome of answer.outcomes) {
      const {after, before, prefix} = outcome;
      if (before ?? after) this.#say(describeOutcome(outcome, String(args.by)), {prefix, ...after});
    }
    this.#told = this.orders.held();
    return answer;
  }

  /** `peer drain` and its like, with what was warned of in the log. Throws `ApiError`, and has changed nothing then. */
  orderPeers(
    command: PeerCommand,
    args: JsonObject,
    config: Config,
    isEstablished: (peer: string) => boolean,
  ): PeerAnswer {
    const {clock, emit} = this.#options;
    const answer = orderPeers(command, args, {config, orders: this.peerOrders, clock, isEstablished});
    for (const message of answer.warnings) emit({kind: 'note', level: 'warn', message, fields: {}});
    return answer;
  }

  #onChange(): void {
    if (!this.#isStarted) return;
    const held = this.orders.held();
    for (const prefix of this.#told.keys()) {
      if (!held.has(prefix)) this.#say(`${prefix} let in again: its time is over`, {prefix});
    }
    this.#told = held;
    this.#options.onChange();
  }

  #say(message: string, fields: JsonObject): void {
    this.#options.emit({kind: 'note', level: 'info', message, fields});
  }
}

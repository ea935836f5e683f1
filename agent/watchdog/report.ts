/**
 * What a round has to say: changes, and complaints. Nothing is said twice: what an earlier round said and what is true
 * still is no news, neither the announcement of what was announced already.
 */

import type {Problem} from '../config/types.js';
import type {AgentEvent, Emit} from '../types.js';

export type Kind = 'change' | 'complaint';

export interface ReportOptions {
  /** From the round before. */
  readonly announced: Readonly<Record<string, readonly string[]>>;
  readonly said: readonly string[];
  readonly say: (kind: Kind, event: AgentEvent) => void;
}

export class Report {
  readonly #say: ReportOptions['say'];
  readonly #announced: Map<string, Set<string>>;
  readonly #saidBefore: ReadonlySet<string>;
  readonly #complaints = new Set<string>();

  constructor({announced, said, say}: ReportOptions) {
    this.#say = say;
    this.#announced = new Map(Object.entries(announced).map(([to, prefixes]) => [to, new Set(prefixes)]));
    this.#saidBefore = new Set(said);
  }

  /** For `Emit`. */
  take(event: AgentEvent): void {
    switch (event.kind) {
      case 'route-announced': {
        const known = this.#of(event.to);
        if (known.has(event.prefix)) return;
        known.add(event.prefix);
        this.#say('change', event);
        return;
      }
      case 'route-withdrawn':
        this.#of(event.to).delete(event.prefix);
        this.#say('change', event);
        return;
      case 'route-failed':
        this.#complain(`${event.prefix} ${event.to} ${event.reason}`, event);
        return;
      case 'address-failed':
        this.#complain(`${event.prefix} ${event.interface} ${event.reason}`, event);
        return;
      case 'note':
        // What is only told about the way there is told every round.
        if (event.level === 'warn' || event.level === 'error' || event.level === 'fatal')
          this.#complain(event.message, event);
        return;
      default:
        this.#say('change', event);
    }
  }

  /** Whether the announcer was seen to announce the prefix, in this round or before. */
  isAnnounced(to: string, prefix: string): boolean {
    return this.#announced.get(to)?.has(prefix) ?? false;
  }

  /** The announcer does not announce the prefix any more, which is no news. */
  forget(to: string, prefix: string): void {
    this.#announced.get(to)?.delete(prefix);
  }

  /** Announcer → prefixes that it was seen to announce. */
  get announced(): Readonly<Record<string, readonly string[]>> {
    return Object.fromEntries([...this.#announced].map(([to, prefixes]) => [to, [...prefixes].sort()]));
  }

  /** Everything that was complained of in this round, said or not. */
  get said(): readonly string[] {
    return [...this.#complaints];
  }

  #of(to: string): Set<string> {
    let prefixes = this.#announced.get(to);
    if (!prefixes) {
      prefixes = new Set();
      this.#announced.set(to, prefixes);
    }
    return prefixes;
  }

  #complain(text: string, event: AgentEvent): void {
    if (this.#complaints.has(text)) return;
    this.#complaints.add(text);
    if (!this.#saidBefore.has(text)) this.#say('complaint', event);
  }
}

/** Something that is not as it should be, in a sentence. */
export function complain(emit: Emit, severity: Problem['severity'], message: string): void {
  emit({kind: 'note', level: severity === 'error' ? 'error' : 'warn', message, fields: {}});
}

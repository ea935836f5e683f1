import {chmod, mkdir, mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Namespace, own, sweep} from './namespace.js';

/** One end of a cable: the interface's name, and its addresses with their lengths. */
export interface End {
  readonly in: Namespace;
  readonly name: string;
  readonly addresses: readonly string[];
}

/** A program of the lab: closed, in reverse order, when the test is over. */
interface Part {
  close(): Promise<void>;
  /** What it said last, for people who look for the reason of a failure. */
  describe?(): string | Promise<string>;
}

/** Whose lab it is: a test, or a program that takes its place. */
export interface LabOwner {
  /** Calls `fn` when it is over. */
  teardown(fn: () => Promise<void>): void;
  passing(): boolean;
}

let labs = 0;

/** A small network of namespaces for one test. Everything in it is gone when the test is over. */
export class Lab {
  readonly #id = labs++;
  readonly #namespaces: Namespace[] = [];
  readonly #parts: Part[] = [];
  #folders = 0;

  private constructor(readonly folder: string) {}

  static async create(t: LabOwner): Promise<Lab> {
    await sweep();
    const folder = await mkdtemp(join(tmpdir(), own));
    // Daemons of FRR run as a user of their own and have to get in.
    await chmod(folder, 0o755);
    const lab = new Lab(folder);
    t.teardown(() => lab.#destroy(t.passing()));
    return lab;
  }

  async namespace(label: string): Promise<Namespace> {
    const namespace = await Namespace.create(`${this.#id}-${label}`);
    this.#namespaces.push(namespace);
    return namespace;
  }

  /** A cable between two namespaces, both ends up. Addresses are usable at once (no duplicate detection). */
  async link(a: End, b: End): Promise<void> {
    await a.in.ip(`link add ${a.name} type veth peer name ${b.name} netns ${b.in.name}`);
    for (const end of [a, b]) {
      for (const address of end.addresses) await addAddress(end.in, address, end.name);
      await end.in.ip(`link set ${end.name} up`);
    }
  }

  /** A folder of its own for a daemon or an agent. */
  async newFolder(label: string): Promise<string> {
    const folder = join(this.folder, `${this.#folders++}-${label}`);
    await mkdir(folder, {mode: 0o755});
    return folder;
  }

  /** Has `part` closed when the test is over. */
  add<T extends Part>(part: T): T {
    this.#parts.push(part);
    return part;
  }

  async #destroy(isPassing: boolean): Promise<void> {
    const errors: unknown[] = [];
    if (!isPassing) for (const part of this.#parts) console.error((await part.describe?.()) ?? '');
    for (const part of this.#parts.reverse()) await part.close().catch((error) => errors.push(error));
    for (const namespace of this.#namespaces) {
      await namespace.destroy().catch((error) => errors.push(error));
    }
    await rm(this.folder, {recursive: true, force: true});
    if (errors.length > 0) throw new AggregateError(errors, errors.map(String).join('; '));
  }
}

/** Addresses are written with their length: `10.0.0.1/24`, `fd00::1/64`. */
export async function addAddress(namespace: Namespace, address: string, link: string): Promise<void> {
  await namespace.ip(`addr add ${address} dev ${link}${address.includes(':') ? ' nodad' : ''}`);
}

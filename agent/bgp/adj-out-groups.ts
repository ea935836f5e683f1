import {remember} from '../lib/collections.js';
import type {IpFamily, Route} from '../types.js';
import {type Group, newGroup} from './adj-out-entry.js';
import {
  attributesKey,
  haveSameAttributes,
  type NoPath,
  type Path,
  type PeerFacts,
  pathTo,
} from './adj-out-path.js';

/** The groups of an adj-RIB-out, each with the path that its prefixes take to the peer. */
export class Groups {
  readonly #groups = new Map<string, Group>();
  /** Of this session, by what they say: equal ones are the same object. */
  readonly #paths = new Map<string, Path>();
  /** The same by the keys of groups, so that a group that comes again need not be encoded again. */
  readonly #pathsByKey = new Map<string, Path | NoPath>();
  #facts: PeerFacts | null = null;
  /** Routes that come in a row tend to have equal attributes. */
  #last: Group | null = null;

  /** The group that a route belongs to, with one member more than before. */
  join(route: Route, family: IpFamily): Group {
    const last = this.#last;
    const isLast = last && last.members > 0 && last.family === family && haveSameAttributes(route, last.like);
    const group = isLast ? last : this.#named(attributesKey(route, family), route, family);
    group.members++;
    this.#last = group;
    return group;
  }

  leave(group: Group): void {
    if (--group.members === 0) this.#groups.delete(group.key);
  }

  /** A session begins (or ends: null), or the peer is told other next hops. Gives the groups whose path is another now. */
  meet(facts: PeerFacts | null): ReadonlySet<Group | null> {
    const changed = new Set<Group | null>();
    this.#facts = facts;
    if (!facts) this.#paths.clear();
    this.#pathsByKey.clear();
    for (const group of this.#groups.values()) {
      const path = this.#pathOf(group.key, group.like, group.family);
      if (path !== group.path) changed.add(group);
      group.path = path;
    }
    return changed;
  }

  /** Whether, in the present session, some group is like this. */
  some(isLikeThis: (group: Group) => boolean): boolean {
    if (!this.#facts) return false;
    for (const group of this.#groups.values()) if (isLikeThis(group)) return true;
    return false;
  }

  #named(key: string, route: Route, family: IpFamily): Group {
    return remember(this.#groups, key, () => newGroup(key, route, family, this.#pathOf(key, route, family)));
  }

  #pathOf(key: string, route: Route, family: IpFamily): Path | NoPath {
    return remember(this.#pathsByKey, key, () => this.#makePath(route, family));
  }

  /** A route may change in what this peer does not see: the path is then the one it has. */
  #makePath(route: Route, family: IpFamily): Path | NoPath {
    const path = this.#facts ? pathTo(route, family, this.#facts) : 'not-negotiated';
    if (typeof path === 'string') return path;
    const text = `${path.nextHop} ${Buffer.from(path.attributes).toString('latin1')}`;
    return remember(this.#paths, text, () => path);
  }
}

import type {Prefix, Route} from '../types.js';

/** What became of an attempt to make BIRD's state the wanted one. */
export interface Applied {
  /** Why it is not, or may not be; null when BIRD has taken everything. */
  readonly failure: string | null;
  /** BIRD goes by these routes now. False after a failure, and where news came before it was done. */
  readonly inEffect: boolean;
  /** A BIRD that starts now goes by them: that is all that can be done while there is none. */
  readonly isPrepared: boolean;
  /** Left as an earlier life, or another program, left it. */
  readonly kept: readonly Prefix[];
  /** Left behind so, and taken away now. */
  readonly dropped: readonly Prefix[];
  /** Wanted, and not possible in this BIRD: why. */
  readonly obstacles: ReadonlyMap<Prefix, string>;
}

/** How one BIRD is made to announce: by files that it includes, or by switching its protocols. */
export interface BirdMeans {
  /** Reads what is there. Never rejects: what cannot be read is told by `apply`. */
  load(): Promise<void>;
  /**
   * Makes it so, as far as it is not so already. `mayStay`: may be left although it is not wanted. Never rejects;
   * `hasNews` answers true once another call with other routes is due.
   */
  apply(
    routes: ReadonlyMap<Prefix, Route>,
    mayStay: (prefix: Prefix) => boolean,
    hasNews: () => boolean,
  ): Promise<Applied>;
  /** It is not known any more what BIRD has taken: the next `apply` tells it again. */
  forget(): void;
  /** Looks whether somebody else changed something; answers what, for people, and null when nobody did. */
  inspect(): Promise<string | null>;
  /** Whether a route that BIRD does not have at all could come back by telling BIRD again. */
  readonly givesRoutes: boolean;
}

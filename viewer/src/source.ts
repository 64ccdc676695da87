/** Where the viewer's data comes from: embedded in the page, or asked of `hgm serve`. */

import type { Document, Log, Trajectory, Unreadable } from "./document";

export interface Documents {
  documents: Document[];
  unreadable: Unreadable[];
}

export interface Source {
  /** All runs of the page, newest state; apart from them those that cannot be read. */
  documents(): Promise<Documents>;
  /** A node's unified diff against its parent (git's); null where the page does not hold it. */
  diff(run: string, node: number): Promise<string | null>;
  /** null where the page does not hold it. */
  trajectory(run: string, job: string): Promise<Trajectory | null>;
  /** The youngest entries of the run's log, or the youngest before one; empty where the page does not hold them. */
  log(run: string, before?: number): Promise<Log>;
  /** Calls back with the name of a run whenever there is a newer document of it, "" for all runs. Returns a function that ends this. */
  watch(changed: (run: string) => void): () => void;
  /** What is shown where a diff or a trajectory is not in the page, e.g. "hgm serve RUN shows it". */
  readonly missing: string;
  readonly isLive: boolean;
}

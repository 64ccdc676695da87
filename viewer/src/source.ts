/** Where the viewer's data comes from: embedded in the page, or asked of `hgm serve`. */

import type { Document, Logged, Trajectory } from "./document";

export interface Source {
  /** All runs of the page, newest state. */
  documents(): Promise<Document[]>;
  /** A node's unified diff against its parent (git's); null where the page does not hold it. */
  diff(run: string, node: number): Promise<string | null>;
  /** null where the page does not hold it. */
  trajectory(run: string, job: string): Promise<Trajectory | null>;
  /** The youngest entries of the run's log; empty where the page does not hold it. */
  log(run: string): Promise<Logged[]>;
  /** Calls back with the name of a run whenever there is a newer document of it. Returns a function that ends this. */
  watch(changed: (run: string) => void): () => void;
  /** What is shown where a diff or a trajectory is not in the page, e.g. "hgm serve RUN shows it". */
  readonly missing: string;
  readonly isLive: boolean;
}

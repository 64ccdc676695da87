/**
 * What the viewer is given: the document of `hgm tree export --format json` (hgm.tree, version 2) and, one at a time, what is
 * too large for it. Every string in it was written by an agent, a model or a benchmark: it is shown as text, and never as markup.
 */

export interface Document {
  schema: "hgm.tree";
  version: 2;
  run: string;
  benchmark: string;
  backbone: string;
  policy: string;
  seed: number;
  /** Unit ("evaluations", "usd", "tokens", "seconds") -> limit. */
  budget: Record<string, number>;
  /** Measured on search tasks, over the whole tree. */
  evaluations: number;
  /** The node that the run hands over. */
  best: number;
  /** Before its own results make a node the best by their bound. */
  minimum_evaluations: number;
  /** By id, which is the position; a parent comes before its children. */
  nodes: Node[];
  /** Names of search and select tasks; sealed tasks are not in a document. */
  tasks: string[];
  measurements: Measurements;
  /** Of all nodes, in the order in which they ended. */
  expansions: Expansion[];
  /** Whether somebody works on the run at the moment of writing. */
  live: boolean;
  /** Jobs at the same time, as the run was configured. */
  workers: number;
  /** What runs at the moment of writing; empty for a run that nobody works on. */
  running: Running[];
  /** What is used of each unit of `budget`, by the run's own count. */
  spent: Record<string, Spent>;
  results: Results;
}

export interface Node {
  id: number;
  parent: number | null;
  status: "evaluated" | "unevaluated";
  commit: string;
  tree: string;
  /** The expansion that made it; null for the root. */
  job: string | null;
  /** What diagnosis asked of the self-modification. */
  brief: string;
  /** What that expansion was shown. */
  mode: string | null;
  notes: string[];
  /** Whether it passes the tasks whose failure it was made from. */
  expectation: { tasks: number; child: Score; parent: Score } | null;
  /** Own counts on search tasks, and those of the clade. */
  successes: number;
  failures: number;
  unmeasured: number;
  clade_successes: number;
  clade_failures: number;
  /** Clade metaproductivity, 0 to 1; null where nothing of the clade was measured. */
  cmp: number | null;
  /** Wilson's 95 % interval of the node's own pass rate. */
  interval: [number, number];
  /** 1 % quantile of Beta(1 + successes, 1 + failures). */
  best_belief: number;
  depth: number;
  children: number[];
  rejected: { job: string; reason: string; commit: string | null }[];
  pending: { evaluations: number; expansions: number };
  /** Of its expansion and of all its evaluations. */
  cost: Cost;
}

export interface Score {
  passed: number;
  measured: number;
}

export interface Cost {
  /** null: nobody knows the price. */
  usd: number | null;
  tokens: number;
  seconds: number;
}

/** One entry per finished evaluation of a search or select task, in the order in which they finished. */
export interface Measurements {
  /** Number of the job: 12 is the job e00012. */
  job: number[];
  node: number[];
  /** Position in `tasks`. */
  task: number[];
  /** 0: search, 1: select. */
  split: number[];
  repeat: number[];
  /** 0: passed, 1: failed, 2: unmeasured. */
  outcome: number[];
  /** Position in `causes`; why it failed or is unmeasured, "" for a pass. */
  cause: number[];
  causes: string[];
  tokens: number[];
  /** null: nobody knows the price. */
  usd: (number | null)[];
  seconds: number[];
  /** Seconds from the beginning of the run to its end, by the clock. */
  at: number[];
}

export interface Expansion {
  job: string;
  /** The parent. */
  node: number;
  kind: "child" | "rejected" | "unmeasured";
  /** The child, where there is one. */
  child: number | null;
  reason: string;
  cost: Cost;
  at: number;
}

export interface Spent {
  limit: number;
  /** By all that has ended; null: nobody knows the price. */
  used: number | null;
  /** What jobs that have not ended may use; seconds: what has gone by since the last event. */
  reserved: number;
  /** Over the last ten minutes; null where nobody works on the run, and where nothing has ended then. */
  per_hour: number | null;
}

export interface Running {
  job: string;
  kind: "evaluate" | "expand";
  node: number;
  /** Position in `tasks`; null for an expansion and for a sealed task. */
  task: number | null;
  /** Seconds since it was started. */
  seconds: number;
  /** What it is at, as far as its own records tell: "asks its model", "waits for a rate limit", "works", ... */
  doing: string;
  /** What holds it up: the gateway's words, and the seconds so far; null: it does not wait. */
  waiting: { why: string; seconds: number } | null;
  calls: number;
  tokens: number;
}

export interface Results {
  /** "searching", "confirming", "opening the sealed tasks", "finished", "evaluating". */
  stage: string;
  /** "self", "fixed", "random", "placebo", or an agent's name. */
  editor: string;
  winner: number | null;
  seed_agent: Record<"search" | "select" | "sealed", Score>;
  best: Record<"search" | "select" | "sealed", Score>;
  /** The winner beside the seed agent on the same sealed tasks: mean pass rates and their difference with its 95 % interval. */
  sealed: { tasks: number; repeats: number; seed: number; winner: number; gain: { mean: number; low: number; high: number } } | null;
  sealed_openings: number;
  rejections: Record<string, number>;
}

/** What an agent and its model said to each other in one job. */
export interface Trajectory {
  job: string;
  turns: Turn[];
  /** Turns that were left out in the middle, because there is more than a page should hold. */
  omitted: number;
  /** What the agent saw and did on a page, where its task had one. */
  acts?: Act[];
  /** Acts that were left out behind the first quarter of those that are there. */
  acts_omitted?: number;
}

export interface Act {
  /** Number of the step; null: it only looked. */
  step: number | null;
  action: string;
  /** Why the action did nothing; empty if it was done. */
  error: string;
  /** Whether the episode was over then. */
  done: boolean;
  /** A PNG as a data: URL, where the agent asked for one and there was room for it. */
  picture: string | null;
}

export interface Turn {
  role: "system" | "developer" | "user" | "assistant" | "tool" | "other";
  text: string;
  calls: { name: string; arguments: string }[];
}

/** A part of a run's log, the oldest first. */
export interface Log {
  entries: readonly Logged[];
  /** How many entries older than these there are. */
  omitted: number;
}

/** A run that the server cannot read, and why. */
export interface Unreadable {
  run: string;
  why: string;
}

/** One decision of a run, as its log shows it. */
export interface Logged {
  seq: number;
  /** Unix seconds. */
  at: number;
  text: string;
}

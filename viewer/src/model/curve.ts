/** How a run went: the best agent's score, and what was spent, at moments in its course. */

import type { Expansion } from "../document";
import { type Columns, FAILED, PASSED, SEARCH } from "./columns";
import { bestBelief, wilson } from "./statistics";

const MOMENTS = 1200;

export interface Moment {
  /** Evaluations on search tasks so far. */
  evaluations: number;
  /** Seconds from the beginning. */
  at: number;
  best: number;
  mean: number;
  low: number;
  high: number;
  expansions: Spent;
  measured: Spent;
}

/** Cumulative; `usd` is NaN from the first unknown price on. */
export interface Spent {
  usd: number;
  tokens: number;
  seconds: number;
}

export type Curve = readonly Moment[];

/**
 * Moments in order, at most about 1,200: after every measurement, or evenly among them. A node's bound counts from `minimum`
 * evaluations on (trees/statistics.py, best_belief).
 */
export function curve(given: Columns, expansions: readonly Expansion[], nodes: number, minimum: number): Curve {
  const ends = [...expansions].sort((a, b) => a.at - b.at);
  const stride = Math.max(1, Math.ceil((given.length + ends.length) / MOMENTS));
  const belief = new Belief(nodes, minimum);
  const spentOnExpansions: Spent = { usd: 0, tokens: 0, seconds: 0 };
  const spentOnMeasurements: Spent = { usd: 0, tokens: 0, seconds: 0 };
  const moments: Moment[] = [];
  const total = given.length + ends.length;
  let expansion = 0;
  let position = 0;
  for (let event = 1; event <= total; event++) {
    const next = ends[expansion];
    let at: number;
    if (next !== undefined && (position >= given.length || next.at < given.at[position]!)) {
      add(spentOnExpansions, next.cost.usd ?? NaN, next.cost.tokens, next.cost.seconds);
      at = next.at;
      expansion++;
    } else {
      if (given.split[position] === SEARCH) belief.learn(given.node[position]!, given.outcome[position]!);
      add(spentOnMeasurements, given.usd[position]!, given.tokens[position]!, given.seconds[position]!);
      at = given.at[position]!;
      position++;
    }
    if (event % stride === 0 || event === total) {
      moments.push({ at, ...belief.state(), expansions: { ...spentOnExpansions }, measured: { ...spentOnMeasurements } });
    }
  }
  return moments;
}

/** Which node is believed in most, kept up to date one result at a time. */
class Belief {
  private readonly successes: Int32Array;
  private readonly failures: Int32Array;
  private readonly worth: Float64Array;
  private readonly stale = new Set<number>();
  private readonly known = new Map<number, number>();
  private evaluations = 0;

  constructor(
    nodes: number,
    private readonly minimum: number,
  ) {
    this.successes = new Int32Array(nodes);
    this.failures = new Int32Array(nodes);
    this.worth = new Float64Array(nodes).fill(-minimum);
  }

  learn(node: number, outcome: number): void {
    if (outcome === PASSED) this.successes[node]! += 1;
    else if (outcome === FAILED) this.failures[node]! += 1;
    else return;
    this.evaluations++;
    this.stale.add(node);
  }

  state(): Pick<Moment, "evaluations" | "best" | "mean" | "low" | "high"> {
    for (const node of this.stale) this.worth[node] = this.worthOf(node);
    this.stale.clear();
    const best = maximum(this.worth);
    const passed = this.successes[best] ?? 0;
    const measured = passed + (this.failures[best] ?? 0);
    const [low, high] = wilson(passed, measured);
    return { evaluations: this.evaluations, best, mean: measured === 0 ? NaN : passed / measured, low, high };
  }

  /** Nodes with enough evaluations rank by their bound (above 0), the others below them by their number. */
  private worthOf(node: number): number {
    const passed = this.successes[node]!;
    const failed = this.failures[node]!;
    if (passed + failed < this.minimum) return passed + failed - this.minimum;
    const key = passed * 2 ** 24 + failed;
    const bound = this.known.get(key) ?? bestBelief(passed, failed);
    this.known.set(key, bound);
    return bound;
  }
}

/** The position of the first largest value. */
function maximum(values: Float64Array): number {
  let best = 0;
  for (let position = 1; position < values.length; position++) if (values[position]! > values[best]!) best = position;
  return best;
}

function add(spent: Spent, usd: number, tokens: number, seconds: number): void {
  spent.usd += usd;
  spent.tokens += tokens;
  spent.seconds += seconds;
}

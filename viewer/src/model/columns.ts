/** Measurements as typed arrays, and where each node's lie: a million of them cost no objects. */

import type { Measurements } from "../document";

export const PASSED = 0;
export const FAILED = 1;
export const UNMEASURED = 2;
export const SEARCH = 0;

export interface Columns {
  readonly length: number;
  readonly job: Int32Array;
  readonly node: Int32Array;
  readonly task: Int32Array;
  readonly split: Uint8Array;
  readonly repeat: Int32Array;
  readonly outcome: Uint8Array;
  readonly cause: Int32Array;
  readonly causes: readonly string[];
  readonly tokens: Float64Array;
  /** NaN: nobody knows the price. */
  readonly usd: Float64Array;
  readonly seconds: Float64Array;
  readonly at: Float64Array;
}

export function columns(given: Measurements): Columns {
  return {
    length: given.job.length,
    job: Int32Array.from(given.job),
    node: Int32Array.from(given.node),
    task: Int32Array.from(given.task),
    split: Uint8Array.from(given.split),
    repeat: Int32Array.from(given.repeat),
    outcome: Uint8Array.from(given.outcome),
    cause: Int32Array.from(given.cause),
    causes: given.causes,
    tokens: Float64Array.from(given.tokens),
    usd: Float64Array.from(given.usd, (value) => value ?? NaN),
    seconds: Float64Array.from(given.seconds),
    at: Float64Array.from(given.at),
  };
}

/** Positions of measurements by node: those of node n are `order[start[n]]` up to before `order[start[n + 1]]`, eldest first. */
export interface ByNode {
  readonly start: Int32Array;
  readonly order: Int32Array;
}

export function byNode(given: Columns, nodes: number): ByNode {
  const start = new Int32Array(nodes + 1);
  for (const node of given.node) start[node + 1]! += 1;
  for (let node = 0; node < nodes; node++) start[node + 1]! += start[node]!;
  const next = start.slice();
  const order = new Int32Array(given.length);
  for (let position = 0; position < given.length; position++) order[next[given.node[position]!]!++] = position;
  return { start, order };
}

/** The positions of one node's measurements. */
export function positionsOf(index: ByNode, node: number): Int32Array {
  return index.order.subarray(index.start[node] ?? 0, index.start[node + 1] ?? 0);
}

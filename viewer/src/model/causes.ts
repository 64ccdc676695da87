/** Why agents fail, counted. */

import { type ByNode, type Columns, FAILED, SEARCH, positionsOf } from "./columns";

/** Each node's most frequent cause of failure on search tasks; "" where it never failed. Ties go to the cause that came first. */
export function mainCauses(given: Columns, index: ByNode, nodes: number): string[] {
  const counts = new Int32Array(given.causes.length);
  return Array.from({ length: nodes }, (_, node) => mainCause(given, positionsOf(index, node), counts));
}

/** Causes by how often they are somebody's main one, most frequent first; ties by name, so that colours do not jump. */
export function ranked(causes: Iterable<string>): string[] {
  const counts = new Map<string, number>();
  for (const cause of causes) if (cause !== "") counts.set(cause, (counts.get(cause) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([cause]) => cause);
}

function mainCause(given: Columns, positions: Int32Array, counts: Int32Array): string {
  counts.fill(0);
  let main = -1;
  for (const position of positions) {
    if (given.outcome[position] !== FAILED || given.split[position] !== SEARCH) continue;
    const cause = given.cause[position]!;
    counts[cause]! += 1;
    if (main < 0 || counts[cause]! > counts[main]!) main = cause;
  }
  return main < 0 ? "" : given.causes[main] || "unknown";
}

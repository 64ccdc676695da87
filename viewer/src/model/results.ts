/** One node's results, beside those of its parent. */

import { type ByNode, type Columns, FAILED, PASSED, positionsOf } from "./columns";

export type Change = "gained" | "lost" | "same" | "unknown";

export interface Result {
  position: number;
  change: Change;
}

/**
 * The node's measurements, eldest first, each with how its task changed: gained if the parent's pass rate on that task is
 * lower, lost if it is higher, unknown where one of both has not measured it.
 */
export function results(given: Columns, index: ByNode, node: number, parent: number | null): Result[] {
  const own = rates(given, positionsOf(index, node));
  const before = parent === null ? new Map<number, number>() : rates(given, positionsOf(index, parent));
  return Array.from(positionsOf(index, node), (position) => {
    const task = given.task[position]!;
    return { position, change: change(own.get(task), before.get(task)) };
  });
}

function change(now: number | undefined, before: number | undefined): Change {
  if (now === undefined || before === undefined) return "unknown";
  if (now === before) return "same";
  return now > before ? "gained" : "lost";
}

/** Pass rate by task, of the tasks that were measured. */
function rates(given: Columns, positions: Int32Array): Map<number, number> {
  const tallies = new Map<number, { passed: number; measured: number }>();
  for (const position of positions) {
    const outcome = given.outcome[position]!;
    if (outcome !== PASSED && outcome !== FAILED) continue;
    const task = given.task[position]!;
    const tally = tallies.get(task) ?? { passed: 0, measured: 0 };
    tally.measured++;
    if (outcome === PASSED) tally.passed++;
    tallies.set(task, tally);
  }
  return new Map([...tallies].map(([task, { passed, measured }]) => [task, passed / measured]));
}

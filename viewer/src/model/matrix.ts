/** What is known of every agent on every task. */

import { type Columns, FAILED, PASSED } from "./columns";

export const Cell = { untried: 0, passed: 1, failed: 2, mixed: 3, unmeasured: 4 } as const;
export type Cell = (typeof Cell)[keyof typeof Cell];

export const CELL_NAMES = ["not tried", "passed", "failed", "passed and failed", "unmeasured"] as const;

export interface Matrix {
  readonly nodes: number;
  readonly tasks: number;
  /** The cell of a task and a node is at task * nodes + node. */
  readonly cells: Uint8Array;
  /** Share of measured results that passed, by task; NaN where nothing was measured. */
  readonly rates: Float64Array;
}

export function matrix(given: Columns, nodes: number, tasks: number): Matrix {
  const cells = new Uint8Array(nodes * tasks);
  const passed = new Int32Array(tasks);
  const measured = new Int32Array(tasks);
  for (let position = 0; position < given.length; position++) {
    const task = given.task[position]!;
    const at = task * nodes + given.node[position]!;
    const outcome = given.outcome[position]!;
    cells[at] = together(cells[at] as Cell, outcome);
    if (outcome === PASSED) passed[task]! += 1;
    if (outcome === PASSED || outcome === FAILED) measured[task]! += 1;
  }
  return { nodes, tasks, cells, rates: Float64Array.from(passed, (value, task) => value / measured[task]!) };
}

/** Positions 0 to n - 1 by the values, smallest first (or largest, if descending); NaN last; ties in order. */
export function sorted(values: ArrayLike<number>, descending = false): Int32Array {
  const order = Int32Array.from({ length: values.length }, (_, position) => position);
  const sign = descending ? -1 : 1;
  return order.sort((a, b) => {
    const [x, y] = [values[a]!, values[b]!];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b;
    return sign * (x - y) || a - b;
  });
}

/** What a cell is after one more result. */
function together(cell: Cell, outcome: number): Cell {
  if (outcome !== PASSED && outcome !== FAILED) return cell === Cell.untried ? Cell.unmeasured : cell;
  const result = outcome === PASSED ? Cell.passed : Cell.failed;
  return cell === Cell.untried || cell === Cell.unmeasured || cell === result ? result : Cell.mixed;
}

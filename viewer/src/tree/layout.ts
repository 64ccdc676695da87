/** Where nodes lie, in layout units: one unit along `depth` is a generation, one along `breadth` a row. */

import { hierarchy, tree } from "d3-hierarchy";
import type { Node } from "../document";

export interface Layout {
  /** By node; NaN inside a collapsed clade. */
  readonly breadth: Float64Array;
  /** By generation: the nodes in sight, by breadth. */
  readonly rows: readonly Int32Array[];
  /** Number of nodes in sight. */
  readonly shown: number;
  readonly lowest: number;
  readonly highest: number;
}

/** A tidy tree (Reingold and Tilford, by Buchheim and others) without what lies inside collapsed clades. */
export function layout(nodes: readonly Node[], collapsed: ReadonlySet<number>): Layout {
  const breadth = new Float64Array(nodes.length).fill(NaN);
  const root = nodes[0];
  if (root === undefined) return { breadth, rows: [], shown: 0, lowest: 0, highest: 0 };
  const tidy = tree<Node>()
    .nodeSize([1, 1])
    .separation((a, b) => (a.parent === b.parent ? 1 : 1.25))(hierarchy(root, (node) => childrenInSight(nodes, collapsed, node)));
  const rows: number[][] = [];
  let lowest = Infinity;
  let highest = -Infinity;
  let shown = 0;
  for (const point of tidy) {
    breadth[point.data.id] = point.x;
    (rows[point.depth] ??= []).push(point.data.id);
    lowest = Math.min(lowest, point.x);
    highest = Math.max(highest, point.x);
    shown++;
  }
  return { breadth, rows: rows.map((row) => Int32Array.from(row)), shown, lowest, highest };
}

function childrenInSight(nodes: readonly Node[], collapsed: ReadonlySet<number>, node: Node): Node[] {
  return collapsed.has(node.id) ? [] : node.children.flatMap((child) => nodes[child] ?? []);
}

/** How many nodes a clade has below its first one. */
export function descendants(nodes: readonly Node[]): Int32Array {
  const counts = new Int32Array(nodes.length);
  for (let id = nodes.length - 1; id > 0; id--) {
    const parent = nodes[id]?.parent;
    if (parent !== null && parent !== undefined) counts[parent]! += counts[id]! + 1;
  }
  return counts;
}

/** The first position in `row` whose value is at least `least`; values must not fall. */
export function lowerBound(row: Int32Array, value: (node: number) => number, least: number): number {
  let low = 0;
  let high = row.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value(row[middle]!) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

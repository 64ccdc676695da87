/** A document and what is computed from it, each part once and only when it is first asked for. */

import type { Document, Node } from "../document";
import { mainCauses } from "./causes";
import { type ByNode, type Columns, byNode, columns } from "./columns";
import { type Curve, curve } from "./curve";
import { type Matrix, matrix } from "./matrix";
import { searchTexts } from "./search";

export interface Model {
  readonly document: Document;
  readonly nodes: readonly Node[];
  readonly depths: Int32Array;
  readonly lineage: ReadonlySet<number>;
  readonly columns: () => Columns;
  readonly byNode: () => ByNode;
  readonly mainCauses: () => readonly string[];
  readonly curve: () => Curve;
  readonly matrix: () => Matrix;
  /** What a search looks through, by node. */
  readonly texts: () => readonly string[];
}

export function model(document: Document): Model {
  const { nodes } = document;
  const measured = lazy(() => columns(document.measurements));
  const index = lazy(() => byNode(measured(), nodes.length));
  const causes = lazy(() => mainCauses(measured(), index(), nodes.length));
  return {
    document,
    nodes,
    depths: depths(nodes),
    lineage: new Set(lineage(nodes, document.best)),
    columns: measured,
    byNode: index,
    mainCauses: causes,
    curve: lazy(() => curve(measured(), document.expansions, nodes.length, document.minimum_evaluations)),
    matrix: lazy(() => matrix(measured(), nodes.length, document.tasks.length)),
    texts: lazy(() => searchTexts(nodes, causes())),
  };
}

/** From the root to the node, both included. */
export function lineage(nodes: readonly Node[], node: number): number[] {
  const path: number[] = [];
  for (let at = nodes[node]; at !== undefined; at = at.parent === null ? undefined : nodes[at.parent]) path.push(at.id);
  return path.reverse();
}

/** Own pass rate on search tasks; null where nothing was measured. */
export function score(node: Node): number | null {
  const measured = evaluations(node);
  return measured === 0 ? null : node.successes / measured;
}

export function evaluations(node: Node): number {
  return node.successes + node.failures;
}

function depths(nodes: readonly Node[]): Int32Array {
  const found = new Int32Array(nodes.length);
  for (const node of nodes) if (node.parent !== null) found[node.id] = found[node.parent]! + 1;
  return found;
}

function lazy<T extends object>(compute: () => T): () => T {
  let value: T | undefined;
  return () => (value ??= compute());
}

import { type Model, evaluations, score } from "../model/model";
import { count, interval, percent } from "../text/format";
import { cut, oneLine } from "../text/escape";

/** A node's main facts in one sentence. */
export function describe(model: Model, id: number): string {
  const node = model.nodes[id];
  if (node === undefined) return "";
  const parts = [
    id === model.document.best ? `Agent ${id}, the best` : `Agent ${id}`,
    node.parent === null ? "the seed agent" : `child of ${node.parent}`,
    evaluations(node) === 0 ? "not measured" : `passed ${percent(score(node))} of ${count(evaluations(node), "task")}, ${interval(node.interval)}`,
    `CMP ${percent(node.cmp)}`,
    node.children.length === 1 ? "1 child" : `${node.children.length} children`,
  ];
  if (node.brief !== "") parts.push(cut(oneLine(node.brief), 120));
  return `${parts.join(", ")}.`;
}

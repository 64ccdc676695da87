/** The list's columns. */

import type { Node } from "../document";
import { type Model, evaluations, score } from "../model/model";
import { cut, oneLine } from "../text/escape";
import { compact, duration, integer, interval, money, percent } from "../text/format";

export interface Field {
  readonly name: string;
  readonly width: string;
  readonly isNumber: boolean;
  /** What rows are sorted by; NaN goes last. */
  readonly value: (node: Node, model: Model) => number | string;
  readonly words: (node: Node, model: Model) => string;
}

const LONGEST = 200;

export const FIELDS: readonly Field[] = [
  number("Agent", "72px", (node) => node.id, (node, model) => (node.id === model.document.best ? `★ ${node.id}` : String(node.id))),
  number("Parent", "66px", (node) => node.parent ?? NaN, (node) => (node.parent === null ? "–" : String(node.parent))),
  number("Gen.", "56px", (node, model) => model.depths[node.id] ?? 0, (node, model) => String(model.depths[node.id])),
  number("Score", "66px", (node) => score(node) ?? NaN, (node) => percent(score(node))),
  number("Interval", "84px", (node) => node.interval[0], (node) => (evaluations(node) === 0 ? "–" : interval(node.interval))),
  number("Tests", "64px", evaluations, (node) => integer(evaluations(node))),
  number("Bound", "66px", (node) => node.best_belief, (node) => percent(node.best_belief)),
  number("CMP", "62px", (node) => node.cmp ?? NaN, (node) => percent(node.cmp)),
  number("Children", "76px", (node) => node.children.length, (node) => integer(node.children.length)),
  number("Rejected", "76px", (node) => node.rejected.length, (node) => integer(node.rejected.length)),
  number("Cost", "84px", (node) => node.cost.usd ?? NaN, (node) => (node.cost.usd === null ? "unknown" : money(node.cost.usd))),
  number("Tokens", "76px", (node) => node.cost.tokens, (node) => compact(node.cost.tokens)),
  number("Time", "80px", (node) => node.cost.seconds, (node) => duration(node.cost.seconds)),
  text("Main cause", "132px", (node, model) => model.mainCauses()[node.id] ?? ""),
  text("Brief", "minmax(180px, 1fr)", (node) => node.brief),
];

/** Ids of all nodes by a field; ties by id. */
export function sortedBy(model: Model, field: Field, isDescending: boolean): number[] {
  const values = model.nodes.map((node) => field.value(node, model));
  const sign = isDescending ? -1 : 1;
  return model.nodes.map((node) => node.id).sort((a, b) => order(values[a]!, values[b]!, sign) || a - b);
}

function order(a: number | string, b: number | string, sign: number): number {
  const [aLast, bLast] = [isEmpty(a), isEmpty(b)];
  if (aLast || bLast) return Number(aLast) - Number(bLast);
  return a === b ? 0 : a < b ? -sign : sign;
}

function isEmpty(value: number | string): boolean {
  return value === "" || Number.isNaN(value);
}

function number(name: string, width: string, value: Field["value"], words: Field["words"]): Field {
  return { name, width, isNumber: true, value, words };
}

function text(name: string, width: string, value: (node: Node, model: Model) => string): Field {
  return { name, width, isNumber: false, value, words: (node, model) => cut(oneLine(value(node, model).slice(0, 4 * LONGEST)), LONGEST) };
}

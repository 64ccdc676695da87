/** Which colour a node has, and what the legend says: one scale for all trees in sight, so that they can be compared. */

import type { Node } from "../document";
import { compact, duration, money, percent } from "../text/format";
import { ranked } from "./causes";
import { OKABE_ITO, OTHER, viridis } from "./colour";
import { type Model, score } from "./model";

export const COLOUR_BY = ["score", "cmp", "cost", "depth", "cause"] as const;
export type ColourBy = (typeof COLOUR_BY)[number];

export const COLOUR_NAMES: Record<ColourBy, string> = {
  score: "own score",
  cmp: "CMP (score of the clade)",
  cost: "cost",
  depth: "generation",
  cause: "main cause of failure",
};

export interface Scale {
  readonly by: ColourBy;
  /** null: the node has no value, and is drawn hollow. */
  readonly colour: (model: Model, node: Node) => string | null;
  readonly legend: Legend;
}

export type Legend =
  | { kind: "range"; low: string; high: string; title: string }
  | { kind: "classes"; classes: readonly { name: string; colour: string }[]; title: string };

/** Steps of the colour ramp: so few strings that drawing can sort nodes by them. */
const STEPS = 32;
const RAMP = Array.from({ length: STEPS }, (_, step) => viridis(step / (STEPS - 1)));

export function scale(by: ColourBy, models: readonly Model[]): Scale {
  return by === "cause" ? causeScale(models) : numberScale(by, models);
}

/** The number that a node is coloured by; null where it has none. */
export function valueOf(by: Exclude<ColourBy, "cause">, unit: CostUnit, model: Model, node: Node): number | null {
  switch (by) {
    case "score":
      return score(node);
    case "cmp":
      return node.cmp;
    case "cost":
      return node.cost[unit];
    case "depth":
      return model.depths[node.id] ?? 0;
  }
}

type CostUnit = "usd" | "tokens" | "seconds";

function numberScale(by: Exclude<ColourBy, "cause">, models: readonly Model[]): Scale {
  const unit = costUnit(models);
  let low = Infinity;
  let high = -Infinity;
  for (const one of models) {
    for (const node of one.nodes) {
      const value = valueOf(by, unit, one, node);
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  const width = high - low;
  const words = wording(by, unit);
  return {
    by,
    colour: (one, node) => {
      const value = valueOf(by, unit, one, node);
      return value === null ? null : RAMP[width > 0 ? Math.round(((value - low) / width) * (STEPS - 1)) : STEPS >> 1]!;
    },
    legend: { kind: "range", title: title(by, unit), low: low <= high ? words(low) : "–", high: low <= high ? words(high) : "–" },
  };
}

function causeScale(models: readonly Model[]): Scale {
  const order = ranked(models.flatMap((one) => one.mainCauses()));
  const colours = new Map(order.slice(0, OKABE_ITO.length).map((cause, position) => [cause, OKABE_ITO[position] ?? OTHER]));
  const classes = [...colours].map(([name, colour]) => ({ name, colour }));
  if (order.length > colours.size) classes.push({ name: `${order.length - colours.size} rarer causes`, colour: OTHER });
  return {
    by: "cause",
    colour: (one, node) => {
      const cause = one.mainCauses()[node.id] ?? "";
      return cause === "" ? null : (colours.get(cause) ?? OTHER);
    },
    legend: { kind: "classes", title: COLOUR_NAMES.cause, classes },
  };
}

/** Money where all prices are known and something was paid, else tokens, else time. */
function costUnit(models: readonly Model[]): CostUnit {
  const costs = models.flatMap((one) => one.nodes.map((node) => node.cost));
  if (costs.every((cost) => cost.usd !== null) && costs.some((cost) => cost.usd !== 0)) return "usd";
  return costs.some((cost) => cost.tokens > 0) ? "tokens" : "seconds";
}

function title(by: Exclude<ColourBy, "cause">, unit: CostUnit): string {
  if (by !== "cost") return COLOUR_NAMES[by];
  return { usd: "cost in US dollars", tokens: "cost in tokens", seconds: "cost in time" }[unit];
}

function wording(by: Exclude<ColourBy, "cause">, unit: CostUnit): (value: number) => string {
  if (by === "depth") return String;
  if (by !== "cost") return percent;
  return { usd: money, tokens: compact, seconds: duration }[unit];
}

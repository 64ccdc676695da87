import type { Document } from "../document";
import { totalCost } from "../model/model";

export interface Use {
  unit: string;
  used: number;
  limit: number;
}

/** How much of each limit a document shows as used; without what runs at the moment and what is not in a tree. */
export function budgetUse(document: Document): Use[] {
  const childless = document.expansions.filter((expansion) => expansion.child === null);
  const cost = totalCost([...document.nodes, ...childless].map((one) => one.cost));
  const used = (unit: string): number => {
    if (unit === "evaluations") return document.evaluations;
    if (unit === "usd") return cost.usd ?? NaN;
    if (unit === "tokens") return cost.tokens;
    return unit === "seconds" ? clockOf(document) : NaN;
  };
  return Object.entries(document.budget).map(([unit, limit]) => ({ unit, limit, used: used(unit) }));
}

/** Seconds from the beginning of the run to the last thing that ended. */
function clockOf({ measurements, expansions }: Document): number {
  return Math.max(0, measurements.at.at(-1) ?? 0, expansions.at(-1)?.at ?? 0);
}

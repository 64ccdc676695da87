import type { Curve, Moment } from "../model/curve";
import { compact, duration, integer, money } from "../text/format";

export const UNITS = ["evaluations", "usd", "tokens", "seconds"] as const;
export type Unit = (typeof UNITS)[number];

export const UNIT_NAMES: Record<Unit, string> = { evaluations: "evaluations", usd: "money", tokens: "tokens", seconds: "time" };

export const AXIS_NAMES: Record<Unit, string> = {
  evaluations: "evaluations on search tasks",
  usd: "US dollars spent",
  tokens: "tokens used",
  seconds: "time since the beginning",
};

/** How far a run was at a moment, in a unit. Time is the clock's; several jobs may run at once. */
export function reached(moment: Moment, unit: Unit): number {
  if (unit === "evaluations") return moment.evaluations;
  if (unit === "seconds") return moment.at;
  return moment.expansions[unit] + moment.measured[unit];
}

/** The units in which a run's course can be told: not money whose price nobody knows, or of which there is none. */
export function unitsOf(curve: Curve): Unit[] {
  const last = curve.at(-1);
  return UNITS.filter((unit) => last !== undefined && reached(last, unit) > 0);
}

export function words(value: number, unit: Unit): string {
  if (unit === "usd") return money(value);
  if (unit === "seconds") return duration(value);
  return unit === "tokens" ? compact(value) : integer(value);
}

import type { Document } from "../document";
import { duration, quantity } from "../text/format";

/** One unit of a run's budget, by the run's own count. */
export interface Use {
  unit: string;
  limit: number;
  /** null: nobody knows the price of all of it. */
  used: number | null;
  /** What jobs that have not ended may use beside it; 0 for a run that nobody works on. */
  reserved: number;
  perHour: number | null;
}

export interface End {
  unit: string;
  seconds: number;
}

const NAMES: Record<string, string> = { usd: "money", seconds: "time" };

export function budgetUse({ spent, live }: Document): Use[] {
  return Object.entries(spent).map(([unit, { limit, used, reserved, per_hour }]) => ({
    unit,
    limit,
    used,
    reserved: live ? reserved : 0,
    perHour: per_hour,
  }));
}

/** Shares of the limit: what is used, and what is reserved of the rest. */
export function shares({ limit, used, reserved }: Use): { used: number; reserved: number } {
  const share = within((used ?? 0) / limit);
  return { used: share, reserved: Math.min(1 - share, within(reserved / limit)) };
}

/** E.g. "1.5 M of 10 M tokens used, 50 k more reserved". */
export function useWords({ unit, limit, used, reserved }: Use): string {
  if (unit === "seconds") return `${duration(Math.floor((used ?? 0) + reserved))} of ${duration(limit)} gone by`;
  const bare = unit === "usd" ? "usd" : "";
  if (used === null) return `price unknown, limit ${quantity(limit, unit)}`;
  const words = `${quantity(used, bare).trim()} of ${quantity(limit, unit)} used`;
  if (reserved <= 0) return words;
  return unit === "evaluations" ? `${words}, ${quantity(reserved, bare).trim()} running` : `${words}, up to ${quantity(reserved, bare).trim()} more by what runs`;
}

/** E.g. "1.2 M an hour of late"; "" where nothing is known, and for time, whose rate everybody knows. */
export function rateWords({ unit, perHour }: Use): string {
  if (perHour === null || unit === "seconds") return "";
  return `${quantity(perHour, unit === "usd" ? "usd" : "").trim()} an hour of late`;
}

/** The unit that is used up first at the rate of late, and when; null where no rate says so. Evaluations are the search's alone. */
export function firstEnd(uses: readonly Use[], stage: string): End | null {
  const counted = uses.filter(({ unit }) => unit !== "evaluations" || stage === "searching" || stage === "evaluating");
  const ends = counted.flatMap(({ unit, limit, used, reserved, perHour }) => {
    if (used === null || perHour === null || perHour <= 0) return [];
    const left = limit - used - (unit === "seconds" ? reserved : 0);
    return [{ unit, seconds: (Math.max(0, left) / perHour) * 3600 }];
  });
  return ends.reduce<End | null>((first, end) => (first === null || end.seconds < first.seconds ? end : first), null);
}

/** E.g. "At the rate of late the budget ends in about 2 h 5 min (tokens)." */
export function endWords({ unit, seconds }: End): string {
  const name = NAMES[unit] ?? unit;
  return seconds < 60 ? `The budget is about used up (${name}).` : `At the rate of late the budget ends in about ${duration(rounded(seconds))} (${name}).`;
}

/** To whole minutes, and beyond a day to hours: an estimate is no better. */
function rounded(seconds: number): number {
  const step = seconds < 86400 ? 60 : 3600;
  return Math.round(seconds / step) * step;
}

function within(share: number): number {
  return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
}

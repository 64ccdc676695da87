/** What is said of the jobs that run. */

import type { Document, Running } from "../document";
import { cut, oneLine } from "../text/escape";
import { count, duration } from "../text/format";

const NEARLY = 0.8;

/** Those that work, then those that wait, each the oldest first. */
export function inOrder(jobs: readonly Running[]): Running[] {
  return [...jobs].sort((a, b) => Number(a.waiting !== null) - Number(b.waiting !== null) || b.seconds - a.seconds);
}

/** E.g. "3 of 4 workers busy, 1 of them waiting". A session may have more workers than the run was configured with. */
export function busyWords({ running, workers }: Document): string {
  const busy = running.length > workers ? `${count(running.length, "worker")} busy` : `${running.length} of ${count(workers, "worker")} busy`;
  const waiting = running.filter((job) => job.waiting !== null).length;
  return waiting === 0 ? busy : `${busy}, ${waiting} of them waiting`;
}

/** What a job is at, e.g. "waits for a rate limit, for 45 s so far (openai: HTTP 429, trying again in 30 s)"; `passed` seconds ago. */
export function doingWords({ doing, waiting }: Running, passed: number): string {
  const words = cut(oneLine(doing), 80);
  if (waiting === null) return words;
  return `${words}, for ${duration(Math.floor(waiting.seconds + passed))} so far (${cut(oneLine(waiting.why), 120)})`;
}

/** What those hear who do not see the page: it changes when waiting begins or ends, and when the budget is nearly used. */
export function newsWords({ running, spent }: Document): string {
  const isWaiting = running.some((job) => job.waiting !== null);
  const isNearlyUsed = Object.values(spent).some(({ limit, used }) => (used ?? 0) >= NEARLY * limit);
  return [isWaiting ? "Some jobs wait for their model." : "", isNearlyUsed ? "Most of the budget is used." : ""].join(" ").trim();
}

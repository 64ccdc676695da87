/** The part of a run's log that a page holds. */

import type { Log } from "../document";

export const NO_LOG: Log = { entries: [], omitted: 0 };

/** The newest part, and before it what is known already, `most` entries at most where the newest part has not more. */
export function withNewest(known: Log, newest: Log, most: number): Log {
  const first = newest.entries[0]?.seq;
  const last = newest.entries.at(-1)?.seq;
  const knownLast = known.entries.at(-1)?.seq;
  if (first === undefined || last === undefined || knownLast === undefined || knownLast < first - 1) return newest;
  if (last < knownLast) return known;
  const older = known.entries.filter((entry) => entry.seq < first);
  const kept = older.slice(Math.max(0, older.length - Math.max(0, most - newest.entries.length)));
  return { entries: [...kept, ...newest.entries], omitted: Math.max(0, newest.omitted - kept.length) };
}

/** What is known, and before it an older part. */
export function withOlder(known: Log, older: Log): Log {
  const first = known.entries[0]?.seq ?? Infinity;
  return { entries: [...older.entries.filter((entry) => entry.seq < first), ...known.entries], omitted: older.omitted };
}

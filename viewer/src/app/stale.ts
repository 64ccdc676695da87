/** What is said of runs that are not shown as they are at the moment. */

import { clock } from "../text/format";
import type { State } from "./state";

export interface Notice {
  run: string;
  words: string;
}

/** Of runs that cannot be read, and without a server of all that are in sight. */
export function notices({ runs, shown, unreadable, isConnected, source }: State): Notice[] {
  const gone = [...unreadable.value].map(([name, why]) => {
    const run = runs.value.find((one) => one.name === name);
    return { run: name, words: run === undefined ? `cannot be read: ${why}` : `can be read no more, and is shown as of ${clock(run.asOf.value)}: ${why}` };
  });
  if (isConnected.value || !source.isLive) return gone;
  const left = shown.value.filter(({ name }) => !unreadable.value.has(name));
  return [...gone, ...left.map(({ name, asOf }) => ({ run: name, words: `is shown as of ${clock(asOf.value)}: the server does not answer` }))];
}

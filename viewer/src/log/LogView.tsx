import type { Logged } from "../document";
import { cut, oneLine } from "../text/escape";
import { duration } from "../text/format";

const MOST = 1000;
const LONGEST = 500;

/** The run's youngest decisions, the newest first. */
export function LogView({ log }: { log: readonly Logged[] }) {
  const youngest = log.slice(-MOST).reverse();
  return (
    <ol class="log" tabIndex={0} aria-label="Log, newest first">
      {youngest.map((entry) => (
        <li key={entry.seq}>
          <span class="dim">{entry.seq}</span>
          <time>{duration(entry.at)}</time>
          <span>{cut(oneLine(entry.text), LONGEST)}</span>
        </li>
      ))}
    </ol>
  );
}

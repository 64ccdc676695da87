import type { Logged } from "../document";
import { LongText } from "../text/LongText";
import { clock } from "../text/format";

const MOST = 1000;
const FIRST = 1000;

/** The run's youngest decisions, the newest first. */
export function LogView({ log }: { log: readonly Logged[] }) {
  const youngest = log.slice(-MOST).reverse();
  return (
    <ol class="log" tabIndex={0} aria-label="Log, newest first">
      {youngest.map((entry) => (
        <li key={entry.seq} data-testid="logged">
          <span class="dim">{entry.seq}</span>
          <time dateTime={new Date(entry.at * 1000).toISOString()}>{clock(entry.at)}</time>
          <div>
            <LongText text={entry.text} first={FIRST} />
          </div>
        </li>
      ))}
    </ol>
  );
}

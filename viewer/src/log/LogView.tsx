import { useState } from "preact/hooks";
import type { Run } from "../app/run";
import type { Source } from "../source";
import { LongText } from "../text/LongText";
import { oneLine, visible } from "../text/escape";
import { clock, integer } from "../text/format";

const FIRST = 1000;

interface Props {
  source: Source;
  run: Run;
}

/** The run's youngest decisions, the newest first. */
export function LogView({ source, run }: Props) {
  const { entries, omitted } = run.log.value;
  return (
    <div class="log" tabIndex={0} role="region" aria-label="Log, newest first">
      {run.logProblem.value !== "" && <p class="problem">{visible(run.logProblem.value)}</p>}
      <ol>
        {[...entries].reverse().map((entry) => (
          <li key={entry.seq} data-testid="logged">
            <span class="dim">{entry.seq}</span>
            <time dateTime={new Date(entry.at * 1000).toISOString()}>{clock(entry.at)}</time>
            <div>
              <LongText text={entry.text} first={FIRST} />
            </div>
          </li>
        ))}
      </ol>
      {omitted > 0 && (
        <p class="more" data-testid="omitted">
          {integer(omitted)} older {omitted === 1 ? "entry" : "entries"} left out.{" "}
          {source.isLive ? <ShowOlder source={source} run={run} /> : <>hgm serve {oneLine(run.name)} shows them.</>}
        </p>
      )}
    </div>
  );
}

function ShowOlder({ source, run }: Props) {
  const [isReading, setReading] = useState(false);
  const show = async () => {
    setReading(true);
    await run.readOlder(source);
    setReading(false);
  };
  return (
    <button type="button" disabled={isReading} onClick={() => void show()}>
      Show older
    </button>
  );
}

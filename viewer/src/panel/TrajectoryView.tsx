import type { Run } from "../app/run";
import type { Trajectory, Turn } from "../document";
import type { Source } from "../source";
import { Code } from "../text/Code";
import { LongText } from "../text/LongText";
import { oneLine, visible } from "../text/escape";
import { count, integer } from "../text/format";
import { Acts } from "./Acts";
import { prettyArguments } from "./arguments";
import { useLoaded } from "./useLoaded";

const FOLDED_FROM = 1200;

interface Props {
  source: Source;
  run: Run;
  job: string;
}

/** What an agent and its model said to each other in one job. */
export function TrajectoryView({ source, run, job }: Props) {
  const found = useLoaded(() => source.trajectory(run.name, job), [source, run, job]);
  return (
    <section class="trajectory" data-testid="trajectory">
      <p>
        <button type="button" onClick={() => (run.trajectory.value = null)}>
          ‹ Back to the agent
        </button>
      </p>
      <h3>Trajectory of {oneLine(job)}</h3>
      {found.state === "loading" && <p class="dim">Reading…</p>}
      {found.state === "failed" && <p class="problem">{visible(found.why)}</p>}
      {found.state === "done" && (found.value === null ? <p class="dim">{source.missing}</p> : <Told trajectory={found.value} />)}
    </section>
  );
}

function Told({ trajectory }: { trajectory: Trajectory }) {
  return (
    <>
      {trajectory.acts !== undefined && <Acts acts={trajectory.acts} omitted={trajectory.acts_omitted ?? 0} />}
      <Turns trajectory={trajectory} />
    </>
  );
}

function Turns({ trajectory: { turns, omitted } }: { trajectory: Trajectory }) {
  const middle = omitted > 0 ? Math.ceil(turns.length / 2) : -1;
  if (turns.length === 0) return <p class="dim">Nothing was said.</p>;
  return (
    <ol class="turns">
      {turns.map((turn, at) => (
        <>
          {at === middle && <li class="omitted">{count(omitted, "turn")} in the middle left out</li>}
          <TurnItem turn={turn} />
        </>
      ))}
    </ol>
  );
}

function TurnItem({ turn }: { turn: Turn }) {
  const isQuiet = turn.role !== "assistant" && turn.role !== "user";
  const isFolded = turn.text.length > FOLDED_FROM || (isQuiet && turn.text.split("\n", 13).length > 12);
  return (
    <li class={`turn ${turn.role}`}>
      <div class="role">{turn.role}</div>
      {turn.text !== "" &&
        (isFolded ? (
          <details>
            <summary>
              <span class="head">{visible(turn.text.slice(0, 300))}</span>
              <span class="dim">… {integer(turn.text.length)} characters</span>
            </summary>
            <LongText text={turn.text} />
          </details>
        ) : (
          <LongText text={turn.text} />
        ))}
      {turn.calls.map((call) => (
        <Call name={call.name} given={call.arguments} />
      ))}
    </li>
  );
}

function Call({ name, given }: { name: string; given: string }) {
  const { text, isJson } = prettyArguments(given);
  return (
    <div class="call">
      <div class="call-name">
        <span aria-hidden="true">→</span> <code>{oneLine(name)}</code>
      </div>
      <Code text={text} language={isJson ? "json" : null} />
    </div>
  );
}

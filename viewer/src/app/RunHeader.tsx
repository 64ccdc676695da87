import type { Document, Results } from "../document";
import { evaluations, score } from "../model/model";
import { oneLine } from "../text/escape";
import { interval, percent } from "../text/format";
import { Budget } from "./Budget";
import { budgetUse } from "./uses";
import type { Run } from "./run";
import type { State } from "./state";

/** The policy, and the editor where agents do not modify themselves. */
function policyText({ policy, results }: Document): string {
  return results.editor === "self" ? policy : `${policy} (editor ${oneLine(results.editor)})`;
}

interface Props {
  state: State;
  run: Run;
  place: number;
}

/** What a run is, how far it is, and its best agent. */
export function RunHeader({ state, run, place }: Props) {
  const { document } = run.model.value;
  return (
    <header class="run-header">
      <div class="who">
        <RunName state={state} run={run} place={place} />
        <dl class="facts">
          <Fact name="Benchmark" value={document.benchmark} />
          <Fact name="Backbone" value={document.backbone} />
          <Fact name="Policy" value={policyText(document)} />
          <Fact name="Stage" value={document.results.stage} />
          {document.results.sealed !== null && <Fact name="Verdict" value={verdict(document.results.sealed)} />}
        </dl>
      </div>
      {!state.isFollowing(run) && <Budget uses={budgetUse(document)} isLive={false} />}
      <Best run={run} />
    </header>
  );
}

function RunName({ state, run, place }: Props) {
  const runs = state.runs.value;
  const name = oneLine(run.name);
  if (runs.length < 2) return <h1 data-testid="run-name">{name}</h1>;
  return (
    <h1>
      <select
        data-testid="run-name"
        aria-label="Run"
        value={run.name}
        onChange={(event) => state.show(event.currentTarget.value, place)}
      >
        {runs.map((one) => (
          <option value={one.name} disabled={one !== run && state.shown.value.includes(one)}>
            {oneLine(one.name)}
          </option>
        ))}
      </select>
    </h1>
  );
}

/** What the sealed comparison said, e.g. "on sealed tasks, winner 35 %, seed agent 29 %: gain +6 points [-2, +14]". */
function verdict({ winner, seed, gain }: NonNullable<Results["sealed"]>): string {
  const points = (share: number) => `${share < 0 ? "−" : "+"}${Math.abs(share * 100).toFixed(1)}`;
  return `on sealed tasks, winner ${percent(winner)}, seed agent ${percent(seed)}: gain ${points(gain.mean)} points [${points(gain.low)}, ${points(gain.high)}]`;
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{oneLine(value)}</dd>
    </div>
  );
}

function Best({ run }: { run: Run }) {
  const { document, nodes } = run.model.value;
  const best = nodes[document.best];
  if (best === undefined) return null;
  return (
    <button type="button" class="best" title="Go to the best agent (b)" onClick={() => run.open(best.id)}>
      <span class="label">★ Best agent</span>
      <strong>
        {best.id}
        {best.parent === null && " (seed)"}
      </strong>
      <span>{evaluations(best) === 0 ? "not measured" : `${percent(score(best))} (${interval(best.interval)})`}</span>
    </button>
  );
}

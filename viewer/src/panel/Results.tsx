import { useMemo, useState } from "preact/hooks";
import type { Run } from "../app/run";
import type { Node } from "../document";
import { type Columns, SEARCH } from "../model/columns";
import { type Change, type Result, results } from "../model/results";
import { cut, oneLine } from "../text/escape";
import { compact, money } from "../text/format";

const OUTCOMES = ["passed", "failed", "unmeasured"] as const;
const MARKS = ["✓", "✕", "?"] as const;
const CHANGES: Record<Change, string> = { gained: "▲ gained", lost: "▼ lost", same: "", unknown: "" };
const MOST = 300;

type Filter = "all" | "gained" | "lost";

/** A node's results by task, beside its parent's. */
export function Results({ run, node }: { run: Run; node: Node }) {
  const model = run.model.value;
  const [filter, setFilter] = useState<Filter>("all");
  const [most, setMost] = useState(MOST);
  const all = useMemo(() => results(model.columns(), model.byNode(), node.id, node.parent), [model, node]);
  const shown = filter === "all" ? all : all.filter((result) => result.change === filter);
  return (
    <section data-testid="results">
      <h3>Results</h3>
      {all.length === 0 && <p class="dim">No evaluation has ended yet.</p>}
      {node.parent !== null && all.length > 0 && <Filters run={run} all={all} filter={filter} choose={setFilter} />}
      {shown.length > 0 && (
        <table class="results">
          <thead>
            <tr>
              <th>Task</th>
              <th>Outcome</th>
              <th>Cause</th>
              <th class="num">Cost</th>
              <th>Against parent</th>
            </tr>
          </thead>
          <tbody>
            {shown.slice(0, most).map((result) => (
              <ResultRow key={result.position} run={run} columns={model.columns()} result={result} />
            ))}
          </tbody>
        </table>
      )}
      {shown.length > most && (
        <p class="more">
          {shown.length - most} more.{" "}
          <button type="button" onClick={() => setMost(most + 1000)}>
            Show more
          </button>
        </p>
      )}
    </section>
  );
}

function Filters({ run, all, filter, choose }: { run: Run; all: readonly Result[]; filter: Filter; choose: (next: Filter) => void }) {
  const { task } = run.model.value.columns();
  const tasks = (change: Change) => new Set(all.flatMap((result) => (result.change === change ? (task[result.position] ?? []) : []))).size;
  return (
    <p class="filters">
      <button type="button" aria-pressed={filter === "gained"} onClick={() => choose(filter === "gained" ? "all" : "gained")}>
        ▲ gained <b>{tasks("gained")}</b>
      </button>
      <button type="button" aria-pressed={filter === "lost"} onClick={() => choose(filter === "lost" ? "all" : "lost")}>
        ▼ lost <b>{tasks("lost")}</b>
      </button>
      <span class="dim">on the {tasks("gained") + tasks("lost") + tasks("same")} tasks that both were tested on</span>
    </p>
  );
}

function ResultRow({ run, columns, result: { position, change } }: { run: Run; columns: Columns; result: Result }) {
  const outcome = columns.outcome[position] ?? 2;
  const usd = columns.usd[position] ?? NaN;
  const tokens = columns.tokens[position] ?? 0;
  const job = `e${String(columns.job[position]).padStart(5, "0")}`;
  const task = oneLine(run.model.value.document.tasks[columns.task[position] ?? -1] ?? "");
  return (
    <tr class={OUTCOMES[outcome]}>
      <td>
        <button type="button" class="link" title={`Trajectory of ${job}: ${task}`} onClick={() => (run.trajectory.value = job)}>
          {cut(task, 120)}
        </button>
        {columns.split[position] !== SEARCH && <span class="dim"> select</span>}
        {(columns.repeat[position] ?? 0) > 0 && <span class="dim"> repeat {columns.repeat[position]}</span>}
      </td>
      <td class="outcome">
        {MARKS[outcome]} {OUTCOMES[outcome]}
      </td>
      <td>{cut(oneLine(columns.causes[columns.cause[position] ?? -1] ?? ""), 80)}</td>
      <td class="num" title={`${money(usd)}, ${compact(tokens)} tokens`}>
        {Number.isNaN(usd) || usd === 0 ? `${compact(tokens)} tok` : money(usd)}
      </td>
      <td class={change}>{CHANGES[change]}</td>
    </tr>
  );
}

import { useEffect, useState } from "preact/hooks";
import type { Document, Running as Job } from "../document";
import { cut, oneLine } from "../text/escape";
import { compact, duration } from "../text/format";
import { Budget } from "./Budget";
import { budgetUse, endWords, firstEnd } from "./uses";
import type { Run } from "./run";
import { busyWords, doingWords, inOrder, newsWords } from "./jobs";

interface Props {
  run: Run;
  isLive: boolean;
  /** When the jobs ran where they are not those of the moment. */
  when: string;
}

/** What runs at the moment, or ran when the page last knew, and in a live page how fast the budget is used. */
export function Running({ run, isLive, when }: Props) {
  const { document } = run.model.value;
  return (
    <section class="running" data-testid="running" aria-label="What runs">
      {isLive && <Burn document={document} />}
      <details open>
        <summary data-testid="busy">{isLive ? busyWords(document) : `${document.running.length} running ${when}`}</summary>
        <Jobs run={run} isLive={isLive} />
      </details>
      {isLive && (
        <p class="visually-hidden" role="status" aria-live="polite">
          {newsWords(document)}
        </p>
      )}
    </section>
  );
}

function Burn({ document }: { document: Document }) {
  const uses = budgetUse(document);
  const end = firstEnd(uses, document.results.stage);
  return (
    <div class="burn">
      <Budget uses={uses} isLive={true} />
      {end !== null && <p data-testid="ends">{endWords(end)}</p>}
    </div>
  );
}

/** In a live page clocks go on between two documents. */
function Jobs({ run, isLive }: { run: Run; isLive: boolean }) {
  const { document } = run.model.value;
  const now = useNow();
  const passed = isLive ? Math.max(0, (now - run.since.value) / 1000) : 0;
  return (
    <ul>
      {inOrder(document.running).map((job) => (
        <li key={job.job} class={job.waiting === null ? "" : "waits"} data-testid={job.waiting === null ? "works" : "waits"}>
          {job.waiting !== null && <span class="badge">waits</span>}
          <button type="button" class="link" onClick={() => run.open(job.node)}>
            {job.kind === "expand" ? `Expanding ${job.node}` : `Testing ${job.node}`}
          </button>
          {job.kind === "evaluate" && <span>{taskWords(document, job)}</span>}
          <span>{doingWords(job, passed)}</span>
          <span class="dim">
            began {duration(Math.floor(job.seconds + passed))} ago · {compact(job.tokens)} tokens in {job.calls} calls
          </span>
        </li>
      ))}
    </ul>
  );
}

function taskWords(document: Document, job: Job): string {
  return job.task === null ? "on a sealed task" : `on ${cut(oneLine(document.tasks[job.task] ?? ""), 60)}`;
}

function useNow(): number {
  const [now, setNow] = useState(performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

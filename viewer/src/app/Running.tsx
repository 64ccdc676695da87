import { useEffect, useState } from "preact/hooks";
import type { Document, Running as Job } from "../document";
import { cut, oneLine } from "../text/escape";
import { compact, duration } from "../text/format";
import type { Run } from "./run";

/** What runs at the moment, or ran when the page was written. In a live page clocks go on between two documents. */
export function Running({ run, isLive }: { run: Run; isLive: boolean }) {
  const { document } = run.model.value;
  const now = useNow();
  const passed = isLive ? Math.max(0, (now - run.since.value) / 1000) : 0;
  return (
    <details class="running" data-testid="running" open>
      <summary>
        {document.running.length} running{!isLive && " when this page was written"}
      </summary>
      <ul>
        {document.running.map((job) => (
          <li key={job.job}>
            <button type="button" class="link" onClick={() => run.open(job.node)}>
              {job.kind === "expand" ? `Expanding ${job.node}` : `Testing ${job.node}`}
            </button>
            <span class="what">{taskWords(document, job)}</span>
            <span class="dim">
              {cut(oneLine(job.doing), 80)} · {duration(Math.floor(job.seconds + passed))} · {compact(job.tokens)} tokens in {job.calls} calls
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}

function taskWords(document: Document, job: Job): string {
  if (job.kind === "expand") return "";
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

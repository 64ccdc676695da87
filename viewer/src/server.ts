/** Everything is asked of `hgm serve`, and newer documents are announced. */

import type { Document, Logged, Trajectory } from "./document";
import { parseDocument, parseDocuments } from "./parse";
import type { Source } from "./source";

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15000;

export class ServerSource implements Source {
  readonly missing = "The run has not kept it.";
  readonly isLive = true;

  /** `connected` is told whenever the connection to the server is lost or back. */
  constructor(private readonly connected: (is: boolean) => void) {}

  async documents(): Promise<Document[]> {
    return parseDocuments(await text("api/documents"));
  }

  /** The newest document of one run. */
  async document(run: string): Promise<Document> {
    return parseDocument(await text(`${path(run)}/document`));
  }

  async diff(run: string, node: number): Promise<string | null> {
    return (await get(`${path(run)}/diff/${node}`))?.text() ?? null;
  }

  async trajectory(run: string, job: string): Promise<Trajectory | null> {
    const found = await get(`${path(run)}/trajectory/${encodeURIComponent(job)}`);
    return found === null ? null : ((await found.json()) as Trajectory);
  }

  async log(run: string): Promise<Logged[]> {
    return JSON.parse(await text(`${path(run)}/log`)) as Logged[];
  }

  /** Tries again for ever, at growing intervals; after every reconnection "" stands for all runs, as some may have changed. */
  watch(changed: (run: string) => void): () => void {
    let events: EventSource;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let wait = FIRST_WAIT;
    let wasLost = false;
    const connect = () => {
      events = new EventSource("api/changes");
      events.onopen = () => {
        wait = FIRST_WAIT;
        this.connected(true);
        if (wasLost) changed("");
        wasLost = false;
      };
      events.onerror = () => {
        wasLost = true;
        this.connected(false);
        if (events.readyState !== EventSource.CLOSED) return;
        timer = setTimeout(connect, wait);
        wait = Math.min(LONGEST_WAIT, wait * 2);
      };
      events.addEventListener("change", (event: MessageEvent<string>) => changed(JSON.parse(event.data) as string));
    };
    connect();
    return () => {
      clearTimeout(timer);
      events.close();
    };
  }
}

function path(run: string): string {
  return `api/runs/${encodeURIComponent(run)}`;
}

async function get(url: string): Promise<Response | null> {
  const answer = await fetch(url);
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
  return answer;
}

async function text(url: string): Promise<string> {
  const found = await get(url);
  if (found === null) throw new Error("The server does not know this run.");
  return found.text();
}

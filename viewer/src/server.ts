/** Everything is asked of `hgm serve`, and newer documents are announced. */

import type { Document, Log, Trajectory } from "./document";
import { parseAnswer, parseDocument } from "./parse";
import type { Documents, Source } from "./source";

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 15000;

/** There is no answer at all. */
export class Unreachable extends Error {
  constructor(run: string) {
    super(`The server has ended: \`hgm serve ${run}\` shows it.`);
  }
}

export class ServerSource implements Source {
  readonly missing = "The run has not kept it.";
  readonly isLive = true;

  /** `connected` is told whenever the connection to the server is lost or back. */
  constructor(private readonly connected: (is: boolean) => void) {}

  async documents(): Promise<Documents> {
    return parseAnswer(await text("api/documents", "RUN"));
  }

  /** The newest document of one run. */
  async document(run: string): Promise<Document> {
    return parseDocument(await text(`${path(run)}/document`, run));
  }

  async diff(run: string, node: number): Promise<string | null> {
    return get(`${path(run)}/diff/${node}`, run);
  }

  async trajectory(run: string, job: string): Promise<Trajectory | null> {
    const found = await get(`${path(run)}/trajectory/${encodeURIComponent(job)}`, run);
    return found === null ? null : (JSON.parse(found) as Trajectory);
  }

  async log(run: string, before?: number): Promise<Log> {
    const url = `${path(run)}/log`;
    return JSON.parse(await text(before === undefined ? url : `${url}?before=${before}`, run)) as Log;
  }

  /** Tries again for ever, at growing intervals; after every connection "" stands for all runs, as some may have changed. */
  watch(changed: (run: string) => void): () => void {
    let events: EventSource;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let wait = FIRST_WAIT;
    const connect = () => {
      events = new EventSource("api/changes");
      events.onopen = () => {
        wait = FIRST_WAIT;
        this.connected(true);
        changed("");
      };
      events.onerror = () => {
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

/** The text of an answer; null: there is none. Throws `Unreachable`, or else the reason that the server gives. */
async function get(url: string, run: string): Promise<string | null> {
  const { status, ok, said } = await ask(url).catch(() => {
    throw new Unreachable(run);
  });
  if (status === 404) return null;
  if (!ok) throw new Error(said.trim() || `The server answered ${status}.`);
  return said;
}

async function ask(url: string): Promise<{ status: number; ok: boolean; said: string }> {
  const answer = await fetch(url);
  return { status: answer.status, ok: answer.ok, said: await answer.text() };
}

async function text(url: string, run: string): Promise<string> {
  const found = await get(url, run);
  if (found === null) throw new Error("The server does not know this run.");
  return found;
}

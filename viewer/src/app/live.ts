/** Reads the documents, and goes on reading newer ones. */

import { ServerSource, Unreachable } from "../server";
import { reason } from "../text/reason";
import type { State } from "./state";

const FIRST_WAIT = 2000;
const LONGEST_WAIT = 15000;

/** Resolves when the first documents are there; rejects where the page itself is broken. */
export async function follow(state: State): Promise<void> {
  const { source } = state;
  if (!(source instanceof ServerSource)) {
    state.receive((await source.documents()).documents);
    return;
  }
  const first = new Promise<void>((resolve) => {
    const latest = new Latest(async (run) => {
      if (run !== "") await first;
      await refresh(state, source, run);
      resolve();
    });
    source.watch((run) => latest.ask(run));
  });
  await first;
}

/** A run that cannot be read is named with the reason, and asked for again when there is news of it. */
async function refresh(state: State, source: ServerSource, run: string): Promise<void> {
  const isWorthIt = (error: unknown) => error instanceof Unreachable || state.runs.value.length + state.unreadable.value.size === 0;
  try {
    await untilDone(state, () => (run === "" ? readAll(state, source) : readOne(state, source, run)), isWorthIt);
  } catch (error) {
    if (run !== "") state.setUnreadable([[run, reason(error)]]);
    else state.setUnreadable(state.runs.value.map(({ name }) => [name, reason(error)]));
  }
}

async function readOne(state: State, source: ServerSource, run: string): Promise<void> {
  state.receive([await source.document(run)]);
}

/** A document that came meanwhile is newer, and stays. */
async function readAll(state: State, source: ServerSource): Promise<void> {
  const began = performance.now();
  const { documents, unreadable } = await source.documents();
  const newer = new Set(state.runs.value.filter((run) => run.since.value > began).map((run) => run.name));
  const told = new Set([...documents, ...unreadable].map(({ run }) => run));
  const left = [...state.runs.value.map(({ name }) => name), ...state.unreadable.value.keys()].filter((name) => !told.has(name));
  state.receive(documents.filter(({ run }) => !newer.has(run)));
  state.setUnreadable(unreadable.map(({ run, why }) => [run, why]));
  state.setUnreadable(left.map((name) => [name, "The server shows it no more."]));
}

/** Tries again, at growing intervals, after the errors that are worth it; the page says why it waits while it has nothing else to show. */
async function untilDone(state: State, attempt: () => Promise<void>, isWorthIt: (error: unknown) => boolean): Promise<void> {
  for (let wait = FIRST_WAIT; ; wait = Math.min(LONGEST_WAIT, wait * 2)) {
    try {
      await attempt();
      state.isConnected.value = true;
      state.problem.value = "";
      return;
    } catch (error) {
      state.isConnected.value = !(error instanceof Unreachable);
      if (!isWorthIt(error)) throw error;
      state.problem.value = reason(error);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** Handles names beside each other, but each name once at a time; one that is asked for again meanwhile is handled once more. */
class Latest {
  private readonly busy = new Set<string>();
  private readonly waiting = new Set<string>();

  constructor(private readonly handle: (name: string) => Promise<void>) {}

  ask(name: string): void {
    this.waiting.add(name);
    if (!this.busy.has(name)) void this.work(name);
  }

  private async work(name: string): Promise<void> {
    this.busy.add(name);
    while (this.waiting.delete(name)) await this.handle(name);
    this.busy.delete(name);
  }
}

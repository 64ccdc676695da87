/** Reads the documents, and goes on reading newer ones. */

import { ServerSource } from "../server";
import type { State } from "./state";

const RETRY = 2000;

/** Resolves when the first documents are there; rejects where the page itself is broken. */
export async function follow(state: State): Promise<void> {
  const { source } = state;
  if (!(source instanceof ServerSource)) {
    state.receive(await source.documents());
    return;
  }
  await untilDone(state, async () => state.receive(await source.documents()));
  const latest = new Latest((run) => refresh(state, source, run));
  source.watch((run) => latest.ask(run));
}

async function refresh(state: State, source: ServerSource, run: string): Promise<void> {
  await untilDone(state, async () => {
    state.receive(run === "" ? await source.documents() : [await source.document(run)]);
  });
}

async function untilDone(state: State, attempt: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      await attempt();
      state.isConnected.value = true;
      return;
    } catch {
      state.isConnected.value = false;
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
}

/** Handles one name at a time; names that are asked for again meanwhile are handled once more. */
class Latest {
  private readonly waiting = new Set<string>();
  private isBusy = false;

  constructor(private readonly handle: (name: string) => Promise<void>) {}

  ask(name: string): void {
    this.waiting.add(name);
    if (!this.isBusy) void this.work();
  }

  private async work(): Promise<void> {
    this.isBusy = true;
    for (const name of this.waiting) {
      this.waiting.delete(name);
      await this.handle(name);
    }
    this.isBusy = false;
  }
}

import { useSignalEffect } from "@preact/signals";
import { visible } from "../text/escape";
import { Announcer } from "./Announcer";
import { Help } from "./Help";
import { Notices } from "./Notices";
import { RunPane } from "./RunPane";
import { TopBar } from "./TopBar";
import type { State } from "./state";
import { theme } from "./theme";

/** The whole page. */
export function App({ state }: { state: State }) {
  useSignalEffect(() => {
    if (theme.value) queueMicrotask(() => (state.colours.value = state.colours.peek() + 1));
  });
  const shown = state.shown.value;
  return (
    <div class="app" data-testid="app">
      <TopBar state={state} />
      <Notices state={state} />
      <main class={shown.length > 1 ? "panes two" : "panes"}>
        {shown.map((run, place) => (
          <RunPane key={run.name} state={state} run={run} place={place} />
        ))}
        {shown.length === 0 && <Empty state={state} />}
      </main>
      {state.isHelpOpen.value && <Help state={state} />}
      <Announcer state={state} />
    </div>
  );
}

function Empty({ state }: { state: State }) {
  if (state.problem.value !== "") return <p class="empty" role="alert">This page cannot be shown: {visible(state.problem.value)}</p>;
  if (state.unreadable.value.size > 0) return <p class="empty">No run can be read.</p>;
  if (!state.isConnected.value) return <p class="empty" role="alert">The server does not answer.</p>;
  return <p class="empty">Reading…</p>;
}

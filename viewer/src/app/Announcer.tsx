import { describe } from "./describe";
import type { State } from "./state";

/** Says the selected node's facts to those who do not see the page. */
export function Announcer({ state }: { state: State }) {
  const run = state.active.value;
  const selected = run?.selected.value ?? null;
  return (
    <div class="visually-hidden" role="status" aria-live="polite">
      {run !== undefined && selected !== null && describe(run.model.value, selected)}
    </div>
  );
}

import { oneLine, visible } from "../text/escape";
import { notices } from "./stale";
import type { State } from "./state";

/** What the page cannot show as it is at the moment, and why. */
export function Notices({ state }: { state: State }) {
  return (
    <ul class="notices" role="status" data-testid="notices">
      {notices(state).map(({ run, words }) => (
        <li key={run}>
          <strong>{oneLine(run)}</strong> {visible(words)}
        </li>
      ))}
    </ul>
  );
}

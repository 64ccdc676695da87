import type { Run } from "../app/run";
import type { State } from "../app/state";
import { COLOUR_BY, COLOUR_NAMES, type ColourBy } from "../model/scale";

interface Props {
  state: State;
  run: Run;
  zoom: (factor: number) => void;
}

/** Search, colours, direction and zoom of a tree. */
export function Toolbar({ state, run, zoom }: Props) {
  return (
    <div class="toolbar" role="toolbar" aria-label="Tree">
      <Search run={run} />
      <label>
        Colour{" "}
        <select
          data-testid="colour-by"
          value={state.colourBy.value}
          onChange={(event) => (state.colourBy.value = event.currentTarget.value as ColourBy)}
        >
          {COLOUR_BY.map((by) => (
            <option value={by}>{COLOUR_NAMES[by]}</option>
          ))}
        </select>
      </label>
      <label>
        <input
          type="checkbox"
          data-testid="show-rejected"
          checked={state.showRejected.value}
          onChange={(event) => (state.showRejected.value = event.currentTarget.checked)}
        />{" "}
        Rejected
      </label>
      <span class="spacer" />
      <button
        type="button"
        title="Generations from left to right, or downwards"
        aria-pressed={state.direction.value === "down"}
        onClick={() => (state.direction.value = state.direction.value === "across" ? "down" : "across")}
      >
        {state.direction.value === "across" ? "Top-down" : "Left to right"}
      </button>
      <span class="group">
        <button type="button" aria-label="Zoom out" title="Zoom out (−)" onClick={() => zoom(1 / 1.5)}>
          −
        </button>
        <button type="button" aria-label="Zoom in" title="Zoom in (+)" onClick={() => zoom(1.5)}>
          +
        </button>
        <button type="button" data-testid="fit" title="Fit the whole tree (f)" onClick={() => run.picture?.fit()}>
          Fit
        </button>
      </span>
    </div>
  );
}

function Search({ run }: { run: Run }) {
  const matches = run.matches.value;
  const isSearching = run.query.value.trim() !== "";
  const go = (step: 1 | -1) => {
    const next = run.nextMatch(step);
    if (next !== null) run.select(next);
  };
  return (
    <span class="search" role="search">
      <input
        type="search"
        data-testid="search"
        data-run={run.name}
        placeholder="Number, brief, cause, commit"
        aria-label="Search agents by number, words of the brief, cause or commit"
        value={run.query.value}
        onInput={(event) => (run.query.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") go(event.shiftKey ? -1 : 1);
        }}
      />
      <span class="count" data-testid="search-count" aria-live="polite">
        {isSearching && placeWords(matches, run.selected.value)}
      </span>
      {isSearching && (
        <span class="group">
          <button type="button" aria-label="Previous match" disabled={matches.length === 0} onClick={() => go(-1)}>
            ‹
          </button>
          <button type="button" aria-label="Next match" disabled={matches.length === 0} onClick={() => go(1)}>
            ›
          </button>
        </span>
      )}
    </span>
  );
}

function placeWords(matches: readonly number[], selected: number | null): string {
  const place = selected === null ? -1 : matches.indexOf(selected);
  return place < 0 ? `${matches.length} found` : `${place + 1} of ${matches.length}`;
}

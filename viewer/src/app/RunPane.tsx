import { CurvesView } from "../curves/CurvesView";
import { ListView } from "../list/ListView";
import { LogView } from "../log/LogView";
import { MatrixView } from "../matrix/MatrixView";
import { Panel } from "../panel/Panel";
import { clock } from "../text/format";
import { TreeView } from "../tree/TreeView";
import { RunHeader } from "./RunHeader";
import { Running } from "./Running";
import type { Run } from "./run";
import type { State } from "./state";

interface Props {
  state: State;
  run: Run;
  place: number;
}

/** One run: its facts, the chosen view and, where a node is open, its panel. */
export function RunPane({ state, run, place }: Props) {
  const activate = () => {
    state.activeName.value = run.name;
  };
  const { document } = run.model.value;
  const isLive = state.isFollowing(run);
  return (
    <section class="pane" aria-label={`Run ${run.name}`} onPointerDownCapture={activate} onFocusCapture={activate}>
      <RunHeader state={state} run={run} place={place} />
      {(isLive || document.running.length > 0) && <Running run={run} isLive={isLive} when={state.source.isLive ? `on ${clock(run.asOf.value)}` : "when this page was written"} />}
      <div class="stage">
        <div class="view" role="tabpanel" aria-labelledby={`tab-${state.tab.value}`}>
          <View state={state} run={run} />
        </div>
        {run.isOpen.value && run.selected.value !== null && <Panel state={state} run={run} node={run.selected.value} />}
      </div>
    </section>
  );
}

function View({ state, run }: { state: State; run: Run }) {
  switch (state.tab.value) {
    case "tree":
      return <TreeView state={state} run={run} />;
    case "curves":
      return <CurvesView model={run.model.value} />;
    case "matrix":
      return <MatrixView state={state} run={run} />;
    case "list":
      return <ListView run={run} />;
    case "log":
      return <LogView source={state.source} run={run} />;
  }
}

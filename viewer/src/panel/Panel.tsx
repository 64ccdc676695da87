import { useEffect, useRef } from "preact/hooks";
import type { Run } from "../app/run";
import type { State } from "../app/state";
import { lineage } from "../model/model";
import { DiffSection } from "./DiffSection";
import { Facts } from "./Facts";
import { Results } from "./Results";
import { TrajectoryView } from "./TrajectoryView";

interface Props {
  state: State;
  run: Run;
  node: number;
}

/** All that is known of one node; or, while one is open, the trajectory of one of its jobs. */
export function Panel({ state, run, node }: Props) {
  const body = useRef<HTMLDivElement>(null);
  const job = run.trajectory.value;
  useEffect(() => body.current?.scrollTo(0, 0), [node, job]);
  const one = run.model.value.nodes[node];
  if (one === undefined) return null;
  return (
    <aside class={job === null ? "panel" : "panel wide"} data-testid="panel" aria-label={`Agent ${node}`}>
      <header class="panel-header">
        <div>
          <h2 data-testid="panel-title">
            Agent {node}
            {node === run.model.value.document.best && <span class="badge">★ best</span>}
            {one.parent === null && <span class="badge plain">seed</span>}
            {one.status === "unevaluated" && <span class="badge plain">not evaluated</span>}
          </h2>
          <Lineage run={run} node={node} />
        </div>
        <button type="button" class="close" aria-label="Close" title="Close (Esc)" onClick={() => (run.isOpen.value = false)}>
          ×
        </button>
      </header>
      <div class="panel-body" ref={body} tabIndex={0} role="region" aria-label="Facts">
        {job === null ? (
          <>
            <Facts run={run} node={one} />
            <DiffSection source={state.source} run={run.name} node={one} />
            <Results run={run} node={one} />
          </>
        ) : (
          <TrajectoryView source={state.source} run={run} job={job} />
        )}
      </div>
    </aside>
  );
}

const MOST_CRUMBS = 12;

function Lineage({ run, node }: { run: Run; node: number }) {
  const path = lineage(run.model.value.nodes, node);
  const shown = path.length > MOST_CRUMBS ? [...path.slice(0, 2), null, ...path.slice(3 - MOST_CRUMBS)] : path;
  return (
    <nav class="crumbs" aria-label="Lineage">
      {shown.map((one, at) => (
        <>
          {at > 0 && <span aria-hidden="true">›</span>}
          {one === null ? <span title={`${path.length - MOST_CRUMBS + 1} more`}>…</span> : <Crumb run={run} node={one} isHere={one === node} />}
        </>
      ))}
    </nav>
  );
}

function Crumb({ run, node, isHere }: { run: Run; node: number; isHere: boolean }) {
  if (isHere) return <span aria-current="true">{node}</span>;
  return (
    <button type="button" class="link" onClick={() => run.open(node)}>
      {node}
    </button>
  );
}

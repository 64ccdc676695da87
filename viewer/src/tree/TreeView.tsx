import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Run } from "../app/run";
import type { State } from "../app/state";
import { Legend } from "./Legend";
import { Toolbar } from "./Toolbar";
import { Tooltip } from "./Tooltip";
import { TreePicture } from "./picture";
import type { Point, Scene } from "./scene";

interface Props {
  state: State;
  run: Run;
}

/** The tree of a run, with what searches, colours and explains it. */
export function TreeView({ state, run }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const picture = useRef<TreePicture | null>(null);
  const hovered = useSignal<{ node: number; at: Point } | null>(null);

  useEffect(() => {
    if (canvas.current === null) return;
    const made = new TreePicture(canvas.current, {
      pick: (node) => run.pick(node),
      open: (node) => run.open(node),
      toggle: (node) => run.toggle(node),
      hover: (node, at) => (hovered.value = node === null ? null : { node, at }),
    });
    picture.current = made;
    run.picture = made;
    made.show(sceneOf(state, run));
    made.select(run.selected.value);
    return () => {
      made.destroy();
      run.picture = null;
      picture.current = null;
    };
  }, [run]);
  useSignalEffect(() => {
    const scene = sceneOf(state, run);
    picture.current?.show(scene);
  });
  useSignalEffect(() => {
    const selected = run.selected.value;
    picture.current?.select(selected);
  });
  useSignalEffect(() => {
    if (state.colours.value > 0) picture.current?.recolour();
  });

  return (
    <div class="tree-view">
      <Toolbar state={state} run={run} zoom={(factor) => picture.current?.zoom(factor)} />
      <div class="canvas-box">
        <canvas
          ref={canvas}
          data-testid="tree-canvas"
          tabIndex={0}
          role="application"
          aria-roledescription="tree of agents"
          aria-label={`Tree of ${run.model.value.nodes.length} agents. Arrow keys walk it, Enter opens an agent; the list holds the same facts.`}
          onKeyDown={(event) => {
            if (event.key === "+" || event.key === "=") picture.current?.zoom(1.4);
            if (event.key === "-") picture.current?.zoom(1 / 1.4);
          }}
        />
        {hovered.value !== null && (
          <Tooltip
            model={run.model.value}
            node={hovered.value.node}
            at={hovered.value.at}
            within={{ width: canvas.current?.clientWidth ?? 0, height: canvas.current?.clientHeight ?? 0 }}
          />
        )}
      </div>
      <Legend scale={state.scale.value} showRejected={state.showRejected.value} />
    </div>
  );
}

function sceneOf(state: State, run: Run): Scene {
  const model = run.model.value;
  return {
    model,
    layout: run.layout.value,
    descendants: run.descendants.value,
    collapsed: run.collapsed.value,
    direction: state.direction.value,
    scale: state.scale.value,
    matches: new Set(run.matches.value),
    showRejected: state.showRejected.value,
    running: new Set(model.document.running.map((job) => job.node)),
  };
}

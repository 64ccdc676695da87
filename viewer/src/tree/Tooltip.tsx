import { type Model, evaluations, score } from "../model/model";
import { cut, oneLine } from "../text/escape";
import { interval, percent } from "../text/format";
import type { Size } from "./camera";
import type { Point } from "./scene";

const LONGEST = 140;

interface Props {
  model: Model;
  node: number;
  at: Point;
  /** The size of what it must not leave. */
  within: Size;
}

/** A node's main facts beside the pointer. */
export function Tooltip({ model, node, at, within }: Props) {
  const one = model.nodes[node];
  if (one === undefined) return null;
  return (
    <div class={`tooltip${at.x > within.width / 2 ? " left" : ""}${at.y > within.height / 2 ? " above" : ""}`} style={{ left: `${at.x + 14}px`, top: `${at.y + 14}px` }} aria-hidden="true">
      <strong>
        Agent {node}
        {node === model.document.best && " ★"}
      </strong>
      <div>{evaluations(one) === 0 ? "not measured" : `${percent(score(one))} of ${evaluations(one)} (${interval(one.interval)})`}</div>
      <div>CMP {percent(one.cmp)}</div>
      {one.brief !== "" && <div class="dim">{cut(oneLine(one.brief), LONGEST)}</div>}
    </div>
  );
}

/** What browser tests may ask of the page: `window.hgm`. */

import { reason } from "../text/reason";
import type { Point } from "../tree/scene";
import type { State } from "./state";

export interface Hook {
  /** Resolves when the first tree has been drawn. */
  readonly ready: Promise<void>;
  /** Selects a node of the active run and opens its panel, as a click does. */
  select(node: number): void;
  /** A node's centre in client pixels; NaN where no tree shows it. */
  position(node: number): Point;
  /** The collapsed nodes, in order. */
  collapsed(): number[];
  /** How many nodes the picture shows. */
  visible(): number;
}

declare global {
  interface Window {
    hgm: Readonly<Hook>;
  }
}

/** Sets `window.hgm`. */
export function exposeHook(state: State, loaded: Promise<void>): void {
  const ready = loaded.then(twoFrames);
  ready.catch((error: unknown) => (state.problem.value = reason(error)));
  window.hgm = Object.freeze({
    ready,
    select: (node: number) => state.active.value?.open(node),
    position: (node: number) => state.active.value?.picture?.position(node) ?? { x: NaN, y: NaN },
    collapsed: () => [...(state.active.value?.collapsed.value ?? [])].sort((a, b) => a - b),
    visible: () => state.active.value?.picture?.visible() ?? 0,
  });
}

/** After two frames everything that was rendered is on the screen. */
function twoFrames(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve())));
}

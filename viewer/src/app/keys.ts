/** The keyboard: what each key does, also for the help. */

import type { Direction } from "../tree/scene";
import { TABS } from "./state";
import type { Run } from "./run";
import type { State } from "./state";

export const KEYS: readonly (readonly [string, string])[] = [
  ["← →", "to the parent, to the first child"],
  ["↑ ↓", "to the sibling (then cousin) before, after"],
  ["Enter", "open the selected agent"],
  ["b", "go to the best agent"],
  ["c", "collapse or open a clade"],
  ["f", "fit the whole tree"],
  ["+ −", "zoom (on the tree)"],
  ["/", "search; Enter goes to the next match"],
  ["1 – 5", "tree, curves, matrix, list, log"],
  ["Esc", "close what is open"],
  ["?", "this help"],
];

const DOWNWARDS: Record<string, string> = {
  ArrowUp: "ArrowLeft",
  ArrowDown: "ArrowRight",
  ArrowLeft: "ArrowUp",
  ArrowRight: "ArrowDown",
};

/** Does what a key stands for, unless a control that needs the key has the focus. */
export function onKey(state: State, event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (state.isHelpOpen.value) return onHelpKey(state, event);
  if (event.key === "Escape") return escape(state);
  if (isTyping(event.target)) return;
  const run = state.active.value;
  if (run !== undefined && act(state, run, event)) event.preventDefault();
}

/** What is behind the help takes no keys. */
function onHelpKey(state: State, event: KeyboardEvent): void {
  if (event.key !== "Escape" && event.key !== "?") return;
  state.isHelpOpen.value = false;
  event.preventDefault();
}

function act(state: State, run: Run, event: KeyboardEvent): boolean {
  const tab = TABS[Number(event.key) - 1];
  if (tab !== undefined && state.tabs.value.includes(tab)) {
    state.tab.value = tab;
    return true;
  }
  switch (event.key) {
    case "?":
      state.isHelpOpen.value = true;
      return true;
    case "/":
      state.tab.value = "tree";
      queueMicrotask(() => searchBox(run)?.focus()); // it is on the page by then, and the next key is its first letter
      return true;
    case "b":
      run.select(run.model.value.document.best);
      return true;
    case "f":
      run.picture?.fit();
      return true;
    case "c":
      if (run.selected.value !== null) run.toggle(run.selected.value);
      return true;
    default:
      return state.tab.value === "tree" && isOnTree(event.target) && walk(run, turned(event.key, state.direction.value));
  }
}

function walk(run: Run, key: string): boolean {
  const { nodes, document } = run.model.value;
  const selected = run.selected.value;
  if (key === "Enter" && selected !== null) {
    run.open(selected);
    return true;
  }
  if (!key.startsWith("Arrow")) return false;
  const next = selected === null ? document.best : neighbour(run, selected, key);
  if (next !== undefined && nodes[next] !== undefined) run.select(next);
  return true;
}

/** Where generations run downwards, so do the keys. */
function turned(key: string, direction: Direction): string {
  return direction === "across" ? key : (DOWNWARDS[key] ?? key);
}

/** Up and down go on to cousins of the same generation, as the eye does. */
function neighbour(run: Run, selected: number, key: string): number | undefined {
  const { nodes, depths } = run.model.value;
  const node = nodes[selected];
  if (key === "ArrowLeft") return node?.parent ?? undefined;
  if (key === "ArrowRight") return run.collapsed.value.has(selected) ? undefined : node?.children[0];
  const row = run.layout.value.rows[depths[selected] ?? 0];
  const at = row?.indexOf(selected) ?? -1;
  return at < 0 ? undefined : row?.[at + (key === "ArrowUp" ? -1 : 1)];
}

function escape(state: State): void {
  if (document.activeElement instanceof HTMLInputElement) document.activeElement.blur();
  else state.active.value?.back();
}

function searchBox(run: Run): HTMLInputElement | undefined {
  const boxes = document.querySelectorAll<HTMLInputElement>("input[data-testid=search]");
  return [...boxes].find((box) => box.dataset["run"] === run.name);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement ? target.type !== "checkbox" : target instanceof HTMLSelectElement;
}

/** Whether arrows and Enter are the tree's: its canvas or nothing has the focus. */
function isOnTree(target: EventTarget | null): boolean {
  return target instanceof HTMLCanvasElement || target === document.body;
}

/** One run as it is looked at: its newest document, and what is selected, collapsed and searched in it. */

import { type ReadonlySignal, computed, signal } from "@preact/signals";
import type { Document, Log } from "../document";
import { NO_LOG, withNewest, withOlder } from "../model/log";
import { type Model, lineage, model } from "../model/model";
import { search } from "../model/search";
import { reason } from "../text/reason";
import { type Layout, descendants, layout } from "../tree/layout";
import type { Source } from "../source";
import type { Point } from "../tree/scene";

/** Entries of a log that grows; all where somebody has asked for older ones. */
const MOST_LOGGED = 1000;

/** What a tree's picture can be asked for. */
export interface Picture {
  fit(): void;
  reveal(node: number): void;
  position(node: number): Point;
  visible(): number;
}

export class Run {
  readonly name: string;
  readonly model: ReadonlySignal<Model>;
  readonly selected = signal<number | null>(null);
  readonly isOpen = signal(false);
  readonly collapsed = signal<ReadonlySet<number>>(new Set());
  readonly query = signal("");
  /** The job whose trajectory is shown. */
  readonly trajectory = signal<string | null>(null);
  readonly log = signal<Log>(NO_LOG);
  /** Why the log is not what it could be; "" while all is well. */
  readonly logProblem = signal("");
  /** When the newest document came, by the browser's two clocks: one that nobody sets, in ms, and Unix seconds. */
  readonly since = signal(performance.now());
  readonly asOf = signal(Date.now() / 1000);
  readonly layout: ReadonlySignal<Layout>;
  readonly descendants: ReadonlySignal<Int32Array>;
  readonly matches: ReadonlySignal<readonly number[]>;
  /** Set while a tree's picture is on the page. */
  picture: Picture | null = null;
  private readonly newest;
  private mostLogged = MOST_LOGGED;

  constructor(document: Document) {
    this.name = document.run;
    this.newest = signal(model(document));
    this.model = this.newest;
    this.layout = computed(() => layout(this.model.value.nodes, this.collapsed.value));
    this.descendants = computed(() => descendants(this.model.value.nodes));
    this.matches = computed(() =>
      this.query.value.trim() === "" ? [] : search(this.model.value.nodes, this.model.value.texts(), this.query.value),
    );
  }

  /** Shows a newer document; selection, clades and search stay as they are. */
  update(document: Document): void {
    this.newest.value = model(document);
    this.since.value = performance.now();
    this.asOf.value = Date.now() / 1000;
    if ((this.selected.value ?? 0) >= document.nodes.length) this.close();
  }

  async readLog(source: Source): Promise<void> {
    await this.reading(async () => {
      this.log.value = withNewest(this.log.value, await source.log(this.name), this.mostLogged);
    });
  }

  /** Adds older entries to the log. */
  async readOlder(source: Source): Promise<void> {
    await this.reading(async () => {
      const older = await source.log(this.name, this.log.value.entries[0]?.seq);
      this.mostLogged = Infinity;
      this.log.value = withOlder(this.log.value, older);
    });
  }

  private async reading(attempt: () => Promise<void>): Promise<void> {
    try {
      await attempt();
      this.logProblem.value = "";
    } catch (error) {
      this.logProblem.value = reason(error);
    }
  }

  /** Selects a node that is in sight. */
  pick(node: number): void {
    if (this.selected.value !== node) this.trajectory.value = null;
    this.selected.value = node;
  }

  /** Selects a node, opens the clades around it and brings it into sight. */
  select(node: number): void {
    if (this.model.value.nodes[node] === undefined) return;
    this.uncover(node);
    this.pick(node);
    this.picture?.reveal(node);
  }

  open(node: number): void {
    this.select(node);
    this.isOpen.value = true;
  }

  /** Closes the trajectory, else the panel, else the selection; false if there was nothing to close. */
  back(): boolean {
    if (this.trajectory.value !== null) this.trajectory.value = null;
    else if (this.isOpen.value) this.isOpen.value = false;
    else if (this.selected.value !== null) this.selected.value = null;
    else return false;
    return true;
  }

  close(): void {
    this.isOpen.value = false;
    this.trajectory.value = null;
    this.selected.value = null;
  }

  /** Collapses or opens the clade below a node; a selection inside it moves to the node. */
  toggle(node: number): void {
    const { nodes } = this.model.value;
    if (!nodes[node]?.children.length) return;
    const collapsed = new Set(this.collapsed.value);
    if (!collapsed.delete(node)) collapsed.add(node);
    const selected = this.selected.value;
    if (collapsed.has(node) && selected !== null && lineage(nodes, selected).includes(node)) this.selected.value = node;
    this.collapsed.value = collapsed;
  }

  /** The match after (1) or before (-1) the selected node, around the end; null without matches. */
  nextMatch(step: 1 | -1): number | null {
    const matches = this.matches.value;
    if (matches.length === 0) return null;
    const from = matches.indexOf(this.selected.value ?? -1);
    const next = from < 0 && step < 0 ? matches.length - 1 : (from + step + matches.length) % matches.length;
    return matches[next] ?? null;
  }

  private uncover(node: number): void {
    const above = lineage(this.model.value.nodes, node).slice(0, -1);
    if (!above.some((one) => this.collapsed.value.has(one))) return;
    const collapsed = new Set(this.collapsed.value);
    for (const one of above) collapsed.delete(one);
    this.collapsed.value = collapsed;
  }
}

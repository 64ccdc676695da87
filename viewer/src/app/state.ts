/** The whole viewer's state: its runs, which of them are shown, and how. */

import { type ReadonlySignal, computed, signal } from "@preact/signals";
import type { Document } from "../document";
import { type ColourBy, type Scale, scale } from "../model/scale";
import { readAhead } from "../parse";
import type { Source } from "../source";
import type { Direction } from "../tree/scene";
import { Run } from "./run";

export const TABS = ["tree", "curves", "matrix", "list", "log"] as const;
export type Tab = (typeof TABS)[number];

export class State {
  readonly runs = signal<readonly Run[]>([]);
  /** Names of the runs in sight, one or two. */
  readonly names = signal<readonly string[]>([]);
  readonly shown: ReadonlySignal<readonly Run[]>;
  /** The run that keys act on. */
  readonly active: ReadonlySignal<Run | undefined>;
  readonly activeName = signal("");
  readonly tab = signal<Tab>("tree");
  readonly colourBy = signal<ColourBy>("score");
  readonly direction = signal<Direction>("across");
  readonly showRejected = signal(false);
  readonly isHelpOpen = signal(false);
  readonly isConnected = signal(true);
  readonly scale: ReadonlySignal<Scale>;
  /** The tabs that have something to show. */
  readonly tabs: ReadonlySignal<readonly Tab[]>;
  /** Why nothing can be shown; "" while all is well. */
  readonly problem = signal("");
  /** Grows whenever the style sheet's colours may have changed. */
  readonly colours = signal(0);

  constructor(readonly source: Source) {
    this.shown = computed(() => this.names.value.flatMap((name) => this.runs.value.find((run) => run.name === name) ?? []));
    this.active = computed(() => this.shown.value.find((run) => run.name === this.activeName.value) ?? this.shown.value[0]);
    this.scale = computed(() => scale(this.colourBy.value, this.shown.value.map((run) => run.model.value)));
    this.tabs = computed(() => {
      const hasLog = this.shown.value.some((run) => run.log.value.length > 0);
      return TABS.filter((tab) => tab !== "log" || hasLog);
    });
  }

  /** Takes in newer documents: known runs are updated, new ones added. */
  receive(documents: readonly Document[]): void {
    for (const document of documents) this.runs.value.find((run) => run.name === document.run)?.update(document);
    const known = new Set(this.runs.value.map((run) => run.name));
    const added = documents.filter((document) => !known.has(document.run)).map((document) => new Run(document));
    if (added.length > 0) this.runs.value = [...this.runs.value, ...added];
    const first = this.runs.value[0];
    if (this.names.value.length === 0 && first !== undefined) this.names.value = [first.name];
    for (const run of this.shown.value) void this.readLog(run);
    for (const document of documents) readAhead(document);
  }

  /** Shows a run in the given place (0 or 1). */
  show(name: string, place: number): void {
    this.names.value = this.names.value.map((old, at) => (at === place ? name : old));
    this.activeName.value = name;
    for (const run of this.shown.value) void this.readLog(run);
  }

  /** One run or two beside each other. */
  toggleSideBySide(): void {
    const [first] = this.names.value;
    const other = this.runs.value.find((run) => run.name !== first);
    if (first === undefined) return;
    this.names.value = this.names.value.length === 1 && other !== undefined ? [first, other.name] : [first];
    for (const run of this.shown.value) void this.readLog(run);
  }

  private async readLog(run: Run): Promise<void> {
    try {
      run.log.value = await this.source.log(run.name);
    } catch {
      this.isConnected.value = !this.source.isLive;
    }
  }
}

/** The whole viewer's state: its runs, which of them are shown, and how. */

import { type ReadonlySignal, computed, signal } from "@preact/signals";
import type { Document } from "../document";
import { type ColourBy, type Scale, scale } from "../model/scale";
import { NO_LOG } from "../model/log";
import { readAhead } from "../parse";
import type { Source } from "../source";
import type { Direction } from "../tree/scene";
import { Run } from "./run";

export const TABS = ["tree", "curves", "matrix", "list", "log"] as const;
export type Tab = (typeof TABS)[number];

/** A window of so many pixels has room for two runs. */
const WIDE = 1100;

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
  /** Runs that can be read no more, or never could, and why. */
  readonly unreadable = signal<ReadonlyMap<string, string>>(new Map());
  /** Why nothing can be shown; "" while all is well. */
  readonly problem = signal("");
  /** Grows whenever the style sheet's colours may have changed. */
  readonly colours = signal(0);

  constructor(readonly source: Source) {
    this.shown = computed(() => this.names.value.flatMap((name) => this.runs.value.find((run) => run.name === name) ?? []));
    this.active = computed(() => this.shown.value.find((run) => run.name === this.activeName.value) ?? this.shown.value[0]);
    this.scale = computed(() => scale(this.colourBy.value, this.shown.value.map((run) => run.model.value)));
    this.tabs = computed(() => {
      const hasLog = this.shown.value.some((run) => run.log.value.entries.length > 0 || run.logProblem.value !== "");
      return TABS.filter((tab) => tab !== "log" || hasLog);
    });
  }

  /** Takes in newer documents: known runs are updated, new ones added. */
  receive(documents: readonly Document[]): void {
    for (const document of documents) {
      const run = this.runs.value.find((one) => one.name === document.run);
      if (run !== undefined && this.unreadable.value.has(run.name)) run.log.value = NO_LOG; // it may be another run by now
      run?.update(document);
    }
    const known = new Set(this.runs.value.map((run) => run.name));
    const added = documents.filter((document) => !known.has(document.run)).map((document) => new Run(document));
    if (added.length > 0) this.runs.value = [...this.runs.value, ...added];
    if (this.names.value.length === 0) this.names.value = this.runs.value.slice(0, innerWidth < WIDE ? 1 : 2).map((run) => run.name);
    this.setUnreadable(documents.map((document) => [document.run, null]));
    this.readLogs();
    for (const document of documents) readAhead(document);
  }

  /** Shows a run in the given place (0 or 1). */
  show(name: string, place: number): void {
    this.names.value = this.names.value.map((old, at) => (at === place ? name : old));
    this.activeName.value = name;
    this.readLogs();
  }

  /** One run or two beside each other. */
  toggleSideBySide(): void {
    const [first] = this.names.value;
    const other = this.runs.value.find((run) => run.name !== first);
    if (first === undefined) return;
    this.names.value = this.names.value.length === 1 && other !== undefined ? [first, other.name] : [first];
    this.readLogs();
  }

  /** Takes down why runs cannot be read; null: they can. */
  setUnreadable(reasons: readonly (readonly [string, string | null])[]): void {
    const unreadable = new Map(this.unreadable.value);
    for (const [name, why] of reasons) {
      if (why === null) unreadable.delete(name);
      else unreadable.set(name, why);
    }
    this.unreadable.value = unreadable;
  }

  /** Whether what is shown of a run is what it is at the moment, and somebody works on it. */
  isFollowing(run: Run): boolean {
    return this.isCurrent(run) && run.model.value.document.live;
  }

  /** Whether newer documents of a run arrive. */
  isCurrent(run: Run): boolean {
    return this.source.isLive && this.isConnected.value && !this.unreadable.value.has(run.name);
  }

  private readLogs(): void {
    for (const run of this.shown.value) void run.readLog(this.source);
  }
}

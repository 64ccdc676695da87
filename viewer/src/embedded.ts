/** Everything is in the page itself. */

import type { Log, Trajectory } from "./document";
import { decode, unpack } from "./gzip";
import { parseDocuments } from "./parse";
import type { Documents, Source } from "./source";

export class EmbeddedSource implements Source {
  readonly missing = "This page does not hold it; hgm serve shows it.";
  readonly isLive = false;
  private readonly parts = new Map<string, Promise<unknown>>();

  async documents(): Promise<Documents> {
    const text = await take("hgm-documents");
    if (text === null) throw new Error("The page holds no documents.");
    return { documents: parseDocuments(text), unreadable: [] };
  }

  async diff(run: string, node: number): Promise<string | null> {
    const diffs = await this.part<Record<string, Record<string, string>>>("hgm-diffs");
    return own(own(diffs, run), String(node)) ?? null;
  }

  async trajectory(run: string, job: string): Promise<Trajectory | null> {
    for (const element of document.querySelectorAll<HTMLScriptElement>("script.hgm-trajectory")) {
      if (element.dataset["run"] === run && element.dataset["job"] === job) return decode<Trajectory>(element.text);
    }
    return null;
  }

  async log(run: string): Promise<Log> {
    return own(await this.part<Record<string, Log>>("hgm-logs"), run) ?? { entries: [], omitted: 0 };
  }

  watch(): () => void {
    return () => {};
  }

  /** Decoded once; its text is then taken out of the page to free its memory. */
  private part<T>(id: string): Promise<T | null> {
    const known = this.parts.get(id) ?? take(id).then((text) => (text === null ? null : (JSON.parse(text) as T)));
    this.parts.set(id, known);
    return known as Promise<T | null>;
  }
}

async function take(id: string): Promise<string | null> {
  const element = document.getElementById(id);
  const text = element?.textContent?.trim() ?? "";
  element?.remove();
  return text === "" ? null : unpack(text);
}

function own<T>(holder: Record<string, T> | null | undefined, key: string): T | undefined {
  return holder && Object.hasOwn(holder, key) ? holder[key] : undefined;
}

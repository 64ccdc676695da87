/**
 * Reads documents without reading their measurements yet: a million of those is most of a text, and a tree is drawn without them.
 * The long columns are cut out of the text, and read one by one when they are asked for.
 */

import type { Document, Measurements, Unreadable } from "./document";

type Column = Exclude<keyof Measurements, "causes">;

const COLUMNS: readonly Column[] = ["job", "node", "task", "split", "repeat", "outcome", "cause", "tokens", "usd", "seconds", "at"];
const LONG = 20_000;

/** The document that a JSON text holds. */
export function parseDocument(text: string): Document {
  const { short, columns } = withoutColumns(text);
  return withColumns(JSON.parse(short) as Document, columns);
}

/** The documents that a JSON text holds. */
export function parseDocuments(text: string): Document[] {
  const { short, columns } = withoutColumns(text);
  return (JSON.parse(short) as Document[]).map((document) => withColumns(document, columns));
}

/** What a server answers: documents, and the runs that it cannot read. */
export function parseAnswer(text: string): { documents: Document[]; unreadable: Unreadable[] } {
  const { short, columns } = withoutColumns(text);
  const { documents, unreadable } = JSON.parse(short) as { documents: Document[]; unreadable: Unreadable[] };
  return { documents: documents.map((document) => withColumns(document, columns)), unreadable };
}

/** Reads what was left for later, a column whenever the browser has nothing else to do. */
export function readAhead({ measurements }: Document): void {
  const [next] = COLUMNS.filter((name) => Object.getOwnPropertyDescriptor(measurements, name)?.get !== undefined);
  if (next === undefined) return;
  const read = () => {
    void measurements[next];
    readAhead({ measurements } as Document);
  };
  setTimeout(() => requestIdleCallback(read), 200);
}

/** The text with a number in place of each long column, and the columns' texts by these numbers. */
function withoutColumns(text: string): { short: string; columns: string[] } {
  const parts: string[] = [];
  const columns: string[] = [];
  let copied = 0;
  for (let start = text.indexOf('"'); start >= 0; ) {
    const end = endOfString(text, start);
    const open = arrayAfter(text, end);
    const close = open < 0 ? -1 : text.indexOf("]", open);
    let next = text.indexOf('"', end + 1);
    const isColumn = close - open > LONG && (next < 0 || close < next) && COLUMNS.includes(text.slice(start + 1, end) as Column);
    if (isColumn) {
      parts.push(text.slice(copied, open), String(columns.length));
      columns.push(text.slice(open, close + 1));
      copied = close + 1;
      next = text.indexOf('"', close);
    }
    start = next;
  }
  return { short: parts.join("") + text.slice(copied), columns };
}

/** Where the string that starts at `start` ends: its closing quote. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

/** Where the array begins whose key ends at `end`; -1 if it is no key, or something else follows. */
function arrayAfter(text: string, end: number): number {
  const colon = end + 1;
  if (text[colon] !== ":") return -1;
  const value = text[colon + 1] === " " ? colon + 2 : colon + 1;
  return text[value] === "[" ? value : -1;
}

function withColumns(document: Document, columns: readonly string[]): Document {
  const { measurements } = document;
  for (const name of COLUMNS) {
    const value: unknown = measurements[name];
    if (typeof value === "number") readLater(measurements, name, columns[value] ?? "[]");
  }
  return document;
}

function readLater(measurements: Measurements, name: Column, text: string): void {
  Object.defineProperty(measurements, name, {
    configurable: true,
    enumerable: true,
    get: () => {
      const value: unknown = JSON.parse(text);
      Object.defineProperty(measurements, name, { value, configurable: true, enumerable: true, writable: true });
      return value;
    },
  });
}

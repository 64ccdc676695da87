/** Syntax colours as plain tokens: nothing here ever makes markup. */

import type { ElementContent, RootContent } from "hast";
import bash from "highlight.js/lib/languages/bash";
import ini from "highlight.js/lib/languages/ini";
import json from "highlight.js/lib/languages/json";
import markdown from "highlight.js/lib/languages/markdown";
import python from "highlight.js/lib/languages/python";
import { createLowlight } from "lowlight";

export interface Token {
  text: string;
  /** highlight.js's class names, e.g. "hljs-keyword"; "" for plain text. */
  kind: string;
}

const MOST = 100_000;
const highlighter = createLowlight({ bash, ini, json, markdown, python });

const LANGUAGES: Record<string, string> = {
  py: "python", pyi: "python", sh: "bash", bash: "bash", json: "json", jsonl: "json", md: "markdown", toml: "ini", ini: "ini", cfg: "ini",
};

/** The language of a file by its name; null if it is none that is known here. */
export function languageOf(path: string): string | null {
  const ending = /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(LANGUAGES, ending) ? (LANGUAGES[ending] ?? null) : null;
}

/** The text's lines in tokens; what is too long to be analysed in time is one plain token per line. */
export function tokens(text: string, language: string | null): Token[][] {
  if (language === null || text.length > MOST) return text.split("\n").map((line) => [{ text: line, kind: "" }]);
  const lines: Token[][] = [[]];
  for (const child of highlighter.highlight(language, text).children) collect(child, "", lines);
  return lines;
}

function collect(node: ElementContent | RootContent, kind: string, lines: Token[][]): void {
  if (node.type === "element") {
    const names = node.properties["className"];
    const own = Array.isArray(names) ? names.join(" ") : kind;
    for (const child of node.children) collect(child, own, lines);
  } else if (node.type === "text") {
    for (const [at, part] of node.value.split("\n").entries()) {
      if (at > 0) lines.push([]);
      if (part !== "") lines.at(-1)?.push({ text: part, kind });
    }
  }
}

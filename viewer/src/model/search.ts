/** Finding nodes by number, words of the brief, cause or commit. */

import type { Node } from "../document";

/** By node, in lower case: what the words of a query are looked for in. */
export function searchTexts(nodes: readonly Node[], causes: readonly string[]): string[] {
  return nodes.map((node) => `${node.brief}\n${node.mode ?? ""}\n${causes[node.id] ?? ""}`.toLowerCase());
}

/**
 * Ids of the nodes that match, in order. "12" and "#12" are numbers; a hexadecimal word of four or more characters is also the
 * beginning of a commit; otherwise every word must occur in the brief, the mode or the main cause.
 */
export function search(nodes: readonly Node[], texts: readonly string[], query: string): number[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  return nodes.filter((node) => words.every((word) => matches(node, texts[node.id] ?? "", word))).map((node) => node.id);
}

function matches(node: Node, text: string, word: string): boolean {
  if (/^#?\d{1,9}$/.test(word) && Number(word.replace("#", "")) === node.id) return true;
  if (/^[0-9a-f]{4,}$/.test(word) && node.commit.startsWith(word)) return true;
  return !/^#?\d+$/.test(word) && text.includes(word);
}

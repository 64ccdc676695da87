import { useState } from "preact/hooks";
import { visible } from "./escape";
import { integer } from "./format";
import type { Token } from "./highlight";

const LONGEST = 2000;

/** One line of code; a very long one is cut, with a button that shows all of it. */
export function Tokens({ line }: { line: readonly Token[] }) {
  const [isWhole, setWhole] = useState(false);
  const length = line.reduce((sum, token) => sum + token.text.length, 0);
  const shown = isWhole || length <= LONGEST ? line : head(line, LONGEST);
  return (
    <>
      {shown.map((token) => (token.kind === "" ? visible(token.text) : <span class={token.kind}>{visible(token.text)}</span>))}
      {shown !== line && (
        <button type="button" class="inline" onClick={() => setWhole(true)}>
          show all {integer(length)} characters of this line
        </button>
      )}
    </>
  );
}

function head(line: readonly Token[], length: number): Token[] {
  const shown: Token[] = [];
  let left = length;
  for (const token of line) {
    if (left <= 0) break;
    shown.push({ kind: token.kind, text: token.text.slice(0, left) });
    left -= token.text.length;
  }
  return shown;
}

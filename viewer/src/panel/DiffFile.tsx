import { useMemo, useState } from "preact/hooks";
import type { DiffFile as File, DiffLine, Hunk } from "../model/diff";
import { Tokens } from "../text/Tokens";
import { oneLine, visible } from "../text/escape";
import { integer } from "../text/format";
import { type Token, languageOf, tokens } from "../text/highlight";

const SIGNS = { added: "+", removed: "−", context: " ", note: "\\" } as const;
const MOST_LINES = 800;

/** One file of a diff, opened and closed by its title. What is not shown at first is announced, with its number of lines. */
export function DiffFile({ file, isOpen }: { file: File; isOpen: boolean }) {
  const [isShown, setShown] = useState(isOpen);
  return (
    <details class="diff-file" open={isOpen} onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary>
        <code>{oneLine(file.path) || "(no name)"}</code>
        <span class="added">+{file.added}</span> <span class="removed">−{file.removed}</span>
      </summary>
      {isShown && <Body file={file} />}
    </details>
  );
}

function Body({ file }: { file: File }) {
  const [most, setMost] = useState(MOST_LINES);
  const language = languageOf(file.path);
  const total = file.hunks.reduce((sum, hunk) => sum + hunk.lines.length, 0);
  let left = most;
  return (
    <>
      {file.notes.length > 0 && <p class="diff-notes">{visible(file.notes.join("\n"))}</p>}
      <div class="diff-lines" tabIndex={0} role="region" aria-label={`Changes in ${oneLine(file.path)}`}>
        {file.hunks.map((hunk) => {
          const room = left;
          left -= hunk.lines.length;
          return room > 0 && <HunkLines hunk={hunk} most={room} language={language} />;
        })}
      </div>
      {total > most && (
        <p class="more">
          {integer(total - most)} more lines.{" "}
          <button type="button" onClick={() => setMost(total)}>
            Show all
          </button>
        </p>
      )}
    </>
  );
}

function HunkLines({ hunk, most, language }: { hunk: Hunk; most: number; language: string | null }) {
  const coloured = useMemo(() => colour(hunk, language), [hunk, language]);
  return (
    <>
      <div class="hunk">{visible(hunk.header)}</div>
      {hunk.lines.slice(0, most).map((line, at) => (
        <div class={`line ${line.kind}`}>
          <span class="number">{line.before ?? ""}</span>
          <span class="number">{line.after ?? ""}</span>
          <span class="sign">{SIGNS[line.kind]}</span>
          <code>
            <Tokens line={coloured[at] ?? []} />
          </code>
        </div>
      ))}
    </>
  );
}

/** Each line's tokens. Both versions are analysed for themselves, so that what one leaves open does not colour the other. */
function colour(hunk: Hunk, language: string | null): Token[][] {
  const before = tokens(joined(hunk.lines, "added"), language);
  const after = tokens(joined(hunk.lines, "removed"), language);
  let [old, young] = [0, 0];
  return hunk.lines.map((line) => {
    if (line.kind === "note") return [{ text: line.text, kind: "" }];
    const removed = line.kind !== "added" ? before[old++] : undefined;
    const added = line.kind !== "removed" ? after[young++] : undefined;
    return added ?? removed ?? [];
  });
}

function joined(lines: readonly DiffLine[], without: "added" | "removed"): string {
  return lines.flatMap((line) => (line.kind === without || line.kind === "note" ? [] : line.text)).join("\n");
}

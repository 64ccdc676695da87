/** Unified diffs as git writes them. */

export type LineKind = "context" | "added" | "removed" | "note";

export interface DiffLine {
  kind: LineKind;
  text: string;
  /** Line number before and after; null where the line is not in that version. */
  before: number | null;
  after: number | null;
}

export interface Hunk {
  header: string;
  lines: DiffLine[];
}

export interface DiffFile {
  /** The path after the change, or before it if the file was removed. */
  path: string;
  /** What git says before the hunks: modes, renames, "Binary files differ". */
  notes: string[];
  hunks: Hunk[];
  added: number;
  removed: number;
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

/** All files of a diff. Every line of the text is in the result; what is not understood is a note. */
export function parseDiff(text: string): DiffFile[] {
  const files: DiffFile[] = [];
  let hunk: Cursor | null = null;
  for (const line of lines(text)) {
    if (hunk !== null && hunk.takes(line)) continue;
    const file = files.at(-1);
    const header = HUNK.exec(line);
    if (line.startsWith("diff --git ") || file === undefined) {
      files.push(newFile(line));
      hunk = null;
    } else if (header !== null) {
      hunk = new Cursor(file, line, header);
    } else {
      note(file, line);
      hunk = null;
    }
  }
  return files;
}

/** Takes a hunk's lines, as many as its header announces: a removed line "-- x" is not taken for a file's header. */
class Cursor {
  private readonly hunk: Hunk;
  private before: number;
  private after: number;
  private beforeLeft: number;
  private afterLeft: number;

  constructor(
    private readonly file: DiffFile,
    line: string,
    header: RegExpExecArray,
  ) {
    this.hunk = { header: line, lines: [] };
    file.hunks.push(this.hunk);
    this.before = Number(header[1]);
    this.after = Number(header[3]);
    this.beforeLeft = Number(header[2] ?? 1);
    this.afterLeft = Number(header[4] ?? 1);
  }

  takes(line: string): boolean {
    if (line.startsWith("\\")) return this.push("note", line, null, null);
    if (this.beforeLeft <= 0 && this.afterLeft <= 0) return false;
    const text = line.slice(1);
    if (line.startsWith("+")) {
      this.file.added++;
      this.afterLeft--;
      return this.push("added", text, null, this.after++);
    }
    if (line.startsWith("-")) {
      this.file.removed++;
      this.beforeLeft--;
      return this.push("removed", text, this.before++, null);
    }
    if (!line.startsWith(" ") && line !== "") return false;
    this.beforeLeft--;
    this.afterLeft--;
    return this.push("context", text, this.before++, this.after++);
  }

  private push(kind: LineKind, text: string, before: number | null, after: number | null): true {
    this.hunk.lines.push({ kind, text, before, after });
    return true;
  }
}

function lines(text: string): string[] {
  const all = text.split("\n");
  if (all.at(-1) === "") all.pop();
  return all;
}

function newFile(line: string): DiffFile {
  const match = /^diff --git "?a\/(.*?)"? "?b\/(.*?)"?$/.exec(line);
  const isHeader = line.startsWith("diff --git ");
  return { path: match?.[2] ?? "", notes: isHeader ? [] : [line], hunks: [], added: 0, removed: 0 };
}

function note(file: DiffFile, line: string): void {
  const named = /^(?:---|\+\+\+) "?[ab]\/(.*?)"?\t?$/.exec(line);
  if (named !== null) file.path = named[1] ?? file.path;
  else if (line !== "--- /dev/null" && line !== "+++ /dev/null" && !line.startsWith("index ")) file.notes.push(line);
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDiff } from "../src/model/diff";

const DIFF = `diff --git a/agent/solve.py b/agent/solve.py
index 1..2 100644
--- a/agent/solve.py
+++ b/agent/solve.py
@@ -1,3 +1,4 @@ def solve():
 one
-- two
+++ two
+three

\\ No newline at end of file
diff --git a/old.txt b/old.txt
deleted file mode 100644
--- a/old.txt
+++ /dev/null
@@ -1 +0,0 @@
-gone
diff --git a/x.bin b/x.bin
new file mode 100644
Binary files /dev/null and b/x.bin differ
`;

test("files, hunks and line numbers", () => {
  const [solve, old, binary, ...others] = parseDiff(DIFF);
  assert.equal(others.length, 0);
  assert.deepEqual([solve?.path, solve?.added, solve?.removed], ["agent/solve.py", 2, 1]);
  assert.deepEqual(
    solve?.hunks[0]?.lines.map((line) => [line.kind, line.text, line.before, line.after]),
    [
      ["context", "one", 1, 1],
      ["removed", "- two", 2, null],
      ["added", "++ two", null, 2],
      ["added", "three", null, 3],
      ["context", "", 3, 4],
      ["note", "\\ No newline at end of file", null, null],
    ],
  );
  assert.deepEqual([old?.path, old?.removed, old?.notes], ["old.txt", 1, ["deleted file mode 100644"]]);
  assert.deepEqual(binary?.notes, ["new file mode 100644", "Binary files /dev/null and b/x.bin differ"]);
});

test("renames, and paths with spaces", () => {
  const [file] = parseDiff("diff --git a/a b.py b/c d.py\nsimilarity index 100%\nrename from a b.py\nrename to c d.py\n");
  assert.equal(file?.path, "c d.py");
  assert.equal(file?.notes.length, 3);
});

test("nothing of a text that is no diff is lost", () => {
  assert.deepEqual(parseDiff(""), []);
  assert.deepEqual(parseDiff("hello\nworld\n")[0]?.notes, ["hello", "world"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Log } from "../src/document";
import { NO_LOG, withNewest, withOlder } from "../src/model/log";

/** The entries from `first` to `last`, before which all others are left out. */
function part(first: number, last: number): Log {
  const entries = Array.from({ length: last - first + 1 }, (_, at) => ({ seq: first + at, at: 0, text: "" }));
  return { entries, omitted: first - 1 };
}

test("the newest part comes after what is known, and what is left out is counted", () => {
  assert.deepEqual(withNewest(NO_LOG, part(11, 20), 5), part(11, 20));
  assert.deepEqual(withNewest(part(6, 15), part(11, 20), 100), part(6, 20));
  assert.deepEqual(withNewest(part(6, 10), part(11, 20), 100), part(6, 20));
  assert.deepEqual(withNewest(part(1, 10), part(1, 10), 100), part(1, 10));
});

test("a log that grows is cut at its old end", () => {
  assert.deepEqual(withNewest(part(6, 15), part(11, 20), 12), part(9, 20));
  assert.deepEqual(withNewest(part(6, 15), part(11, 20), 10), part(11, 20));
});

test("a gap is not hidden, and a late answer takes nothing away", () => {
  assert.deepEqual(withNewest(part(1, 9), part(11, 20), 100), part(11, 20));
  assert.deepEqual(withNewest(part(11, 20), part(8, 17), 100), part(11, 20));
});

test("older entries come before what is known, once", () => {
  assert.deepEqual(withOlder(part(11, 20), part(6, 10)), part(6, 20));
  assert.deepEqual(withOlder(part(8, 20), part(6, 10)), part(6, 20));
  assert.deepEqual(withOlder(part(6, 20), part(1, 5)), part(1, 20));
});

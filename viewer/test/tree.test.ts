import assert from "node:assert/strict";
import { test } from "node:test";
import { Run } from "../src/app/run";
import { mainCauses } from "../src/model/causes";
import { byNode, columns, positionsOf } from "../src/model/columns";
import { lineage } from "../src/model/model";
import { results } from "../src/model/results";
import { search, searchTexts } from "../src/model/search";
import { descendants, layout } from "../src/tree/layout";
import { document, measurements, node, nodes } from "./make";

const TREE = () => nodes(null, 0, 0, 1, 1, 3);

test("search by number, words, cause and commit", () => {
  const some = [node(0, null), node(1, 0, { brief: "Read the Test first" }), node(12, 0, { brief: "test 1", commit: "beef00" })];
  const texts = searchTexts(some, ["", "crash"]);
  texts[12] = "test 1";
  assert.deepEqual(search(some, texts, "12"), [12]);
  assert.deepEqual(search(some, texts, "#1"), [1]);
  assert.deepEqual(search(some, texts, "TEST first"), [1]);
  assert.deepEqual(search(some, texts, "crash"), [1]);
  assert.deepEqual(search(some, texts, "beef"), [12]);
  assert.deepEqual(search(some, texts, "  "), []);
});

test("a layout keeps generations in order and leaves collapsed clades out", () => {
  const whole = layout(TREE(), new Set());
  assert.deepEqual(whole.rows.map((row) => [...row]), [[0], [1, 2], [3, 4], [5]]);
  for (const row of whole.rows) {
    for (let at = 1; at < row.length; at++) assert.ok(whole.breadth[row[at]!]! - whole.breadth[row[at - 1]!]! >= 1);
  }
  const part = layout(TREE(), new Set([1]));
  assert.equal(part.shown, 3);
  assert.ok(Number.isNaN(part.breadth[5]));
  assert.deepEqual([...descendants(TREE())], [5, 3, 0, 1, 0, 0]);
});

test("selecting a hidden node opens its clade; collapsing selects the clade", () => {
  const run = new Run(document(TREE(), measurements()));
  run.toggle(1);
  assert.deepEqual([...run.collapsed.value], [1]);
  run.select(5);
  assert.deepEqual([...run.collapsed.value], []);
  run.toggle(1);
  assert.equal(run.selected.value, 1);
  run.update(document(nodes(null, 0, 0, 1, 1, 3, 5), measurements()));
  assert.deepEqual([[...run.collapsed.value], run.selected.value], [[1], 1]);
});

test("matches are walked around the end", () => {
  const tree = TREE().map((one) => ({ ...one, brief: one.id % 2 === 1 ? "odd" : "" }));
  const run = new Run(document(tree, measurements()));
  run.query.value = "odd";
  assert.deepEqual(run.matches.value, [1, 3, 5]);
  assert.equal(run.nextMatch(-1), 5);
  run.select(5);
  assert.equal(run.nextMatch(1), 1);
});

test("measurements by node, main causes and lineage", () => {
  const given = columns(measurements([1, 0, 1, 2], [0, 0, 0], [1, 1, 1, 1], [1, 2, 1, 1], [0, 1, 1, 2, 1]));
  const index = byNode(given, 3);
  assert.deepEqual([...positionsOf(index, 1)], [0, 2, 3]);
  assert.deepEqual(mainCauses(given, index, 3), ["", "crash", ""]);
  assert.deepEqual(lineage(TREE(), 5), [0, 1, 3, 5]);
});

test("gains and losses are on the tasks that both have", () => {
  const given = columns(measurements([0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 1], [1, 2, 0]));
  const found = results(given, byNode(given, 2), 1, 0);
  assert.deepEqual(found.map((result) => result.change), ["gained", "lost", "unknown"]);
});

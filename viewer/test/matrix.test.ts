import assert from "node:assert/strict";
import { test } from "node:test";
import { columns } from "../src/model/columns";
import { Cell, matrix, sorted } from "../src/model/matrix";
import { measurements } from "./make";

test("a cell holds what is known of a task and a node", () => {
  const found = matrix(columns(measurements([0, 0, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1], [1, 1, 2], [1, 1, 0], [0, 2, 2])), 2, 3);
  assert.deepEqual([...found.cells], [Cell.passed, Cell.mixed, Cell.failed, Cell.passed, Cell.unmeasured, Cell.untried]);
  assert.deepEqual([...found.rates], [2 / 3, 1 / 2, NaN]);
});

test("sorting is stable and puts the unknown last", () => {
  assert.deepEqual([...sorted([2, NaN, 1, 2])], [2, 0, 3, 1]);
  assert.deepEqual([...sorted([2, NaN, 1, 2], true)], [0, 3, 2, 1]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { columns } from "../src/model/columns";
import { curve } from "../src/model/curve";
import { measurements } from "./make";

test("few results: the node with most leads, the elder on a tie", () => {
  const moments = curve(columns(measurements([1, 0, 0], [0, 0, 1], [0, 1, 0])), [], 2, 10);
  assert.deepEqual(moments.map((moment) => moment.best), [1, 0, 0]);
  assert.deepEqual(moments.map((moment) => moment.mean), [1, 0, 0.5]);
  assert.deepEqual(moments.map((moment) => moment.evaluations), [1, 2, 3]);
});

test("from ten results on the bound decides", () => {
  const bad = Array.from({ length: 12 }, () => [0, 0, 1] as const);
  const good = Array.from({ length: 10 }, () => [1, 0, 0] as const);
  const moments = curve(columns(measurements(...bad, ...good)), [], 2, 10);
  assert.equal(moments[20]?.best, 0);
  assert.equal(moments[21]?.best, 1);
});

test("how many results make the bound decide is the run's own", () => {
  const rows = [...Array.from({ length: 4 }, () => [0, 0, 1] as const), ...Array.from({ length: 3 }, () => [1, 0, 0] as const)];
  assert.equal(curve(columns(measurements(...rows)), [], 2, 10).at(-1)?.best, 0);
  assert.equal(curve(columns(measurements(...rows)), [], 2, 3).at(-1)?.best, 1);
});

test("select results and unmeasured ones cost, and count for nothing else", () => {
  const moments = curve(columns(measurements([0, 0, 2], [0, 0, 0, 0, 1])), [], 1, 10);
  assert.equal(moments.at(-1)?.evaluations, 0);
  assert.equal(moments.at(-1)?.measured.usd, 1);
  assert.ok(Number.isNaN(moments.at(-1)?.mean));
});

test("expansions are spent when they end; an unknown price stays unknown", () => {
  const cost = { usd: null, tokens: 10, seconds: 2 };
  const expansion = { job: "x1", node: 0, kind: "child" as const, child: 1, reason: "", cost, at: 1.5 };
  const moments = curve(columns(measurements([0, 0, 0], [0, 0, 0])), [expansion], 2, 10);
  assert.deepEqual(moments.map((moment) => moment.at), [1, 1.5, 2]);
  assert.deepEqual(moments.map((moment) => moment.expansions.tokens), [0, 10, 10]);
  assert.ok(Number.isNaN(moments[1]?.expansions.usd));
});

test("a long run is told in about a thousand moments, the last one included", () => {
  const moments = curve(columns(measurements(...Array.from({ length: 5000 }, (_, at) => [0, 0, at % 2] as const))), [], 1, 10);
  assert.ok(moments.length <= 1201);
  assert.equal(moments.at(-1)?.evaluations, 5000);
});

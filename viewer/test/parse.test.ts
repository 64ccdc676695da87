import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDocument, parseDocuments } from "../src/parse";
import { document, measurements, node } from "./make";

const HOSTILE = '"measurements": {"job": [1, 2], "at":[' + "1,".repeat(30_000) + '1]} \\" \\\\';

function long() {
  const rows = Array.from({ length: 30_000 }, (_, at) => [0, at % 3, at % 2] as const);
  const root = node(0, null, { brief: HOSTILE, children: Array.from({ length: 20_000 }, (_, at) => at) });
  return document([root], { ...measurements(...rows), usd: rows.map((_, at) => (at % 2 ? null : 1e-3)) });
}

test("a document with long columns is the one that was written, with and without spaces", () => {
  const written = [long(), document([node(0, null)], measurements([0, 0, 0]))];
  const compact = JSON.stringify(written);
  assert.deepEqual(parseDocuments(compact), written);
  assert.deepEqual(parseDocument(JSON.stringify(long()).replace(/(?<!\\)":\[/g, '": [')), parseDocument(JSON.stringify(long())));
});

test("columns are read when they are asked for, once", () => {
  const { measurements: found } = parseDocument(JSON.stringify(long()));
  assert.notEqual(Object.getOwnPropertyDescriptor(found, "job")?.get, undefined);
  assert.equal(found.job.length, 30_000);
  assert.equal(Object.getOwnPropertyDescriptor(found, "job")?.get, undefined);
  assert.equal(found.job, found.job);
});

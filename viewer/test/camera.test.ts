import assert from "node:assert/strict";
import { test } from "node:test";
import { ACROSS, fitted, zoomed } from "../src/tree/camera";

const EXTENT = { lowest: -5000, highest: 5000, generations: 40 };

test("a fitted camera shows the whole tree", () => {
  const camera = fitted(EXTENT, 800, 1400, ACROSS, 90);
  assert.ok(camera.breadthAt + EXTENT.lowest * camera.row >= 0);
  assert.ok(camera.breadthAt + EXTENT.highest * camera.row <= 800);
  assert.ok(camera.depthAt >= 0 && camera.depthAt + 39 * camera.generation <= 1400);
});

test("zooming keeps the point, and back leads back", () => {
  const fit = fitted(EXTENT, 800, 1400, ACROSS, 90);
  const there = zoomed(fit, 64, 300, 500, fit, ACROSS);
  const breadth = (300 - fit.breadthAt) / fit.row;
  const depth = (500 - fit.depthAt) / fit.generation;
  assert.ok(Math.abs(there.breadthAt + breadth * there.row - 300) < 1e-6);
  assert.ok(Math.abs(there.depthAt + depth * there.generation - 500) < 1e-6);
  const back = zoomed(there, 1 / 64, 300, 500, fit, ACROSS);
  assert.ok(Math.abs(back.row - fit.row) < 1e-9 && Math.abs(back.depthAt - fit.depthAt) < 1e-6);
});

test("a deep and narrow tree fits, and can be read after zooming", () => {
  const fit = fitted({ lowest: 0, highest: 0, generations: 10_000 }, 800, 1400, ACROSS, 90);
  assert.ok(fit.generation * 9_999 <= 1400);
  assert.ok(zoomed(fit, 1e6, 0, 0, fit, ACROSS).generation >= ACROSS.generation);
});

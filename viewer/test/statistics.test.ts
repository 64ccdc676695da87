import assert from "node:assert/strict";
import { test } from "node:test";
import { bestBelief, betaQuantile, wilson } from "../src/model/statistics";

function near(found: number, wanted: number, error = 1e-8): void {
  assert.ok(Math.abs(found - wanted) < error, `${found} instead of ${wanted}`);
}

test("Wilson's interval", () => {
  assert.deepEqual(wilson(0, 0), [0, 1]);
  const [low, high] = wilson(6, 10);
  near(low, 0.3126737, 1e-6);
  near(high, 0.8318197, 1e-6);
  assert.equal(wilson(0, 5)[0], 0);
  assert.equal(wilson(5, 5)[1], 1);
});

test("quantiles of the beta distribution where they are known in closed form", () => {
  near(bestBelief(0, 0), 0.01);
  near(bestBelief(9, 0), 0.01 ** (1 / 10));
  near(bestBelief(0, 9), 1 - 0.99 ** (1 / 10));
  near(betaQuantile(0.5, 7, 7), 0.5);
  near(betaQuantile(0.5, 4000, 4000), 0.5);
});

test("quantiles are symmetric and grow", () => {
  near(betaQuantile(0.01, 11, 5), 1 - betaQuantile(0.99, 5, 11), 1e-7);
  assert.ok(bestBelief(10, 4) > bestBelief(9, 5));
  assert.ok(bestBelief(900_000, 100_000) > 0.899);
});

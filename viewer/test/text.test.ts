import assert from "node:assert/strict";
import { test } from "node:test";
import { axis, band, line, timeTicks } from "../src/curves/geometry";
import { compact, duration, integer, money, percent } from "../src/text/format";
import { languageOf, tokens } from "../src/text/highlight";

test("numbers as people read them", () => {
  assert.equal(integer(1234567), "1,234,567");
  assert.equal(compact(12345), "12.3\u202fk");
  assert.equal(duration(3725), "1\u202fh 2\u202fmin");
  assert.equal(money(null), "price unknown");
  assert.equal(money(0.0123), "$0.012");
  assert.equal(percent(null), "–");
});

test("tokens give back the text, line by line", () => {
  const text = 'def f(x):\n    """two\n    lines"""\n    return "<b>"\n';
  assert.equal(languageOf("agent/solve.py"), "python");
  assert.equal(languageOf("x.constructor"), null);
  const found = tokens(text, "python");
  assert.equal(found.map((each) => each.map((token) => token.text).join("")).join("\n"), text);
  assert.ok(found[1]?.every((token) => token.kind.includes("hljs-string") || token.text.trim() === ""));
});

test("axes, lines and bands", () => {
  assert.equal(axis(0, 10, 0, 100, 5).place(5), 50);
  assert.deepEqual(timeTicks(0, 7200, 4), [0, 1800, 3600, 5400, 7200]);
  assert.equal(line([0, 1, 2, 3], [0, NaN, 2, 3]), "M0.0 0.0M2.0 2.0L3.0 3.0");
  assert.equal(band([0, 1], [0, 0], [1, 1]), "M0.0 1.0L1.0 1.0L1.0 0.0L0.0 0.0Z");
});

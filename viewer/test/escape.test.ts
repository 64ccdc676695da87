import assert from "node:assert/strict";
import { test } from "node:test";
import { cut, oneLine, visible } from "../src/text/escape";

test("control characters and reordering characters are shown as escapes", () => {
  assert.equal(visible("\u001b[31mred\u0000\u007f\u0085"), "\\x1b[31mred\\x00\\x7f\\x85");
  assert.equal(visible("a\u202eb\u2066c\u200b\ufeff\u2028"), "a\\u202eb\\u2066c\\u200b\\ufeff\\u2028");
  assert.equal(visible("\u{e0041}"), "\\u{e0041}");
  assert.equal(visible("\ud800x"), "\\ud800x");
});

test("ordinary text, tabs and line feeds stay", () => {
  const text = "a\tb\nzwölf 😀 日本 <b>&amp;";
  assert.equal(visible(text), text);
  assert.equal(visible("a\r\nb\rc"), "a\nb\\x0dc");
});

test("labels are one line", () => {
  assert.equal(oneLine("  a\n\n b\tc\u202e "), "a b c\\u202e");
});

test("cutting keeps the length and whole characters", () => {
  assert.equal(cut("abcdef", 6), "abcdef");
  assert.equal(cut("abcdef", 4), "abc…");
  assert.equal(cut("ab😀cd", 4), "ab…");
});

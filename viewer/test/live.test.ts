import assert from "node:assert/strict";
import { test } from "node:test";
import { busyWords, doingWords, inOrder, newsWords } from "../src/app/jobs";
import { type Use, budgetUse, endWords, firstEnd, rateWords, shares, useWords } from "../src/app/uses";
import type { Running } from "../src/document";
import { clock } from "../src/text/format";
import { document, measurements, nodes } from "./make";

const use = (more: Partial<Use>): Use => ({ unit: "tokens", limit: 1000, used: 250, reserved: 0, perHour: null, ...more });

const job = (name: string, seconds: number, waiting: Running["waiting"] = null): Running => ({
  job: name,
  kind: "evaluate",
  node: 0,
  task: 0,
  seconds,
  doing: waiting === null ? "works" : "waits for a rate limit",
  waiting,
  calls: 0,
  tokens: 0,
});

const WAITING = { why: "p: HTTP 429,\ttrying again in 30 s\u202e", seconds: 44.6 };

const live = (...running: Running[]) => document(nodes(null), measurements(), { live: true, workers: 4, running });

test("a budget is the run's own count, and nothing is reserved where nobody works", () => {
  const spent = { tokens: { limit: 1000, used: 250, reserved: 100, per_hour: 50 } };
  const shown = document(nodes(null), measurements(), { spent });
  assert.deepEqual(budgetUse(shown), [use({ perHour: 50 })]);
  assert.deepEqual(budgetUse({ ...shown, live: true }), [use({ perHour: 50, reserved: 100 })]);
});

test("a bar's parts are never more than the whole", () => {
  assert.deepEqual(shares(use({ reserved: 500 })), { used: 0.25, reserved: 0.5 });
  assert.deepEqual(shares(use({ reserved: 5000 })), { used: 0.25, reserved: 0.75 });
  assert.deepEqual(shares(use({ used: 2000, reserved: 10 })), { used: 1, reserved: 0 });
  assert.deepEqual(shares(use({ used: null })), { used: 0, reserved: 0 });
});

test("figures are words", () => {
  assert.equal(useWords(use({})), "250 of 1,000 tokens used");
  assert.equal(useWords(use({ reserved: 100 })), "250 of 1,000 tokens used, up to 100 more by what runs");
  assert.equal(useWords(use({ unit: "evaluations", reserved: 3 })), "250 of 1,000 evaluations used, 3 running");
  assert.equal(useWords(use({ unit: "usd", used: null })), "price unknown, limit $1,000");
  assert.equal(useWords(use({ unit: "seconds", used: 60, reserved: 5, limit: 7200 })), "1\u202fmin 5\u202fs of 2\u202fh gone by");
  assert.equal(rateWords(use({ unit: "usd", perHour: 2 })), "$2.00 an hour of late");
  assert.equal(rateWords(use({})), "");
  assert.equal(rateWords(use({ unit: "seconds", perHour: 3600 })), "");
});

test("the budget ends with the unit that is used up first", () => {
  const money = use({ unit: "usd", limit: 10, used: 4, perHour: 2 });
  const time = use({ unit: "seconds", limit: 7200, used: 3000, reserved: 600, perHour: 3600 });
  const tests = use({ unit: "evaluations", limit: 10, used: 10, perHour: 5 });
  assert.deepEqual(firstEnd([money, time], "searching"), { unit: "seconds", seconds: 3600 });
  assert.deepEqual(firstEnd([money, time, tests], "searching"), { unit: "evaluations", seconds: 0 });
  assert.deepEqual(firstEnd([money, time, tests], "confirming"), { unit: "seconds", seconds: 3600 });
  assert.equal(firstEnd([use({}), use({ used: null, perHour: 5 }), use({ perHour: 0 })], "searching"), null);
  assert.equal(endWords({ unit: "usd", seconds: 10_790 }), "At the rate of late the budget ends in about 3\u202fh (money).");
  assert.equal(endWords({ unit: "tokens", seconds: 0 }), "The budget is about used up (tokens).");
});

test("jobs that wait are told apart, and come last", () => {
  const jobs = [job("a", 1, WAITING), job("b", 2), job("c", 3)];
  assert.deepEqual(inOrder(jobs).map((one) => one.job), ["c", "b", "a"]);
  assert.equal(busyWords(live(...jobs)), "3 of 4 workers busy, 1 of them waiting");
  assert.equal(busyWords(live()), "0 of 4 workers busy");
  assert.equal(busyWords(live(...jobs, ...jobs)), "6 workers busy, 2 of them waiting");
});

test("what a job waits for is said with how long so far, as text on one line", () => {
  assert.equal(doingWords(job("b", 2), 9), "works");
  const words = "waits for a rate limit, for 54\u202fs so far (p: HTTP 429, trying again in 30 s\\u202e)";
  assert.equal(doingWords(job("a", 1, WAITING), 10), words);
});

test("news change seldom", () => {
  assert.equal(newsWords(live(job("a", 1))), "");
  assert.equal(newsWords(live(job("a", 1, WAITING))), newsWords(live(job("a", 9, WAITING), job("b", 1, WAITING))));
  const spent = { usd: { limit: 10, used: 8, reserved: 0, per_hour: null }, tokens: { limit: 10, used: null, reserved: 0, per_hour: null } };
  assert.equal(newsWords({ ...live(), spent }), "Most of the budget is used.");
});

test("a moment is a date and a time", () => {
  assert.match(clock(1_770_000_000), /^2026-02-0[12] \d\d:\d\d:\d\d$/);
});

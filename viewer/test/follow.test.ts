import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { follow } from "../src/app/live";
import { notices } from "../src/app/stale";
import { State } from "../src/app/state";
import { ServerSource } from "../src/server";
import { document, measurements, nodes } from "./make";

type Answer = { status?: number; said: string } | "none" | "never";

/** What a server answers, by URL. */
let answers: Record<string, Answer> = {};
let asked: string[] = [];
let events: EventTarget & { onopen?: () => void; onerror?: () => void } = new EventTarget();

const of = (run: string, size: number) => document(nodes(null, ...Array<number>(size - 1).fill(0)), measurements(), { run, live: true });
const json = (value: unknown): Answer => ({ said: JSON.stringify(value) });
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

Object.assign(globalThis, {
  innerWidth: 1280,
  EventSource: class extends EventTarget {
    constructor() {
      super();
      events = this;
      queueMicrotask(() => {
        asked.push("connected");
        events.onopen?.();
      });
    }
  },
  fetch: async (url: string) => {
    asked.push(url);
    const answer = answers[url] ?? { status: 404, said: "" };
    if (answer === "none") throw new TypeError("Failed to fetch");
    if (answer === "never") return new Promise(() => {});
    return new Response(answer.said, { status: answer.status ?? 200 });
  },
});

function changed(run: string): void {
  events.dispatchEvent(new MessageEvent("change", { data: JSON.stringify(run) }));
}

const sizes = (state: State) => Object.fromEntries(state.runs.value.map((run) => [run.name, run.model.value.nodes.length]));

function page(): State {
  const state: State = new State(new ServerSource((is) => (state.isConnected.value = is)));
  return state;
}

async function opened(): Promise<State> {
  const state = page();
  await follow(state);
  return state;
}

beforeEach(() => {
  asked = [];
  answers = {
    "api/documents": json({ documents: [of("a", 1), of("b", 1)], unreadable: [] }),
    "api/runs/a/document": json(of("a", 2)),
    "api/runs/b/document": json(of("b", 2)),
    "api/runs/a/log": json({ entries: [], omitted: 0 }),
    "api/runs/b/log": json({ entries: [], omitted: 0 }),
  };
});

test("a run that is gone stays as it was, and is named with the reason; the other goes on", async () => {
  const state = await opened();
  answers["api/runs/a/document"] = { status: 410, said: "there is no journal" };
  changed("a");
  changed("b");
  await settled();
  assert.deepEqual(sizes(state), { a: 1, b: 2 });
  assert.deepEqual([...state.unreadable.value], [["a", "there is no journal"]]);
  assert.match(notices(state).map(({ run, words }) => `${run} ${words}`).join(), /^a can be read no more, .*: there is no journal$/);
  assert.equal(state.isConnected.value, true);
  assert.equal(asked.filter((url) => url === "api/runs/a/document").length, 1);
  assert.deepEqual(state.shown.value.map((run) => state.isFollowing(run)), [false, true]);
  answers["api/runs/a/document"] = json(of("a", 3));
  changed("a");
  await settled();
  assert.deepEqual(sizes(state), { a: 3, b: 2 });
  assert.deepEqual(notices(state), []);
});

test("nothing is read before changes of it are announced, and no run before all", async () => {
  const follows = follow(page());
  changed("b");
  await follows;
  await settled();
  assert.deepEqual(asked.slice(0, 2), ["connected", "api/documents"]);
  assert.ok(asked.includes("api/runs/b/document"));
});

test("a run without an answer holds up no other, and is not asked for twice at a time", async () => {
  const state = await opened();
  answers["api/runs/a/document"] = "never";
  changed("a");
  changed("a");
  changed("b");
  await settled();
  assert.deepEqual(sizes(state), { a: 1, b: 2 });
  assert.equal(asked.filter((url) => url === "api/runs/a/document").length, 1);
});

test("what cannot be read from the beginning is named beside what can, and shown when it can be", async () => {
  answers["api/documents"] = json({ documents: [of("b", 1)], unreadable: [{ run: "a", why: "damaged" }] });
  const state = await opened();
  assert.deepEqual(notices(state), [{ run: "a", words: "cannot be read: damaged" }]);
  assert.deepEqual(state.names.value, ["b"]);
  changed("a");
  await settled();
  assert.deepEqual(sizes(state), { b: 1, a: 2 });
  assert.deepEqual(notices(state), []);
});

test("while nothing has come, the page says why", async () => {
  answers["api/documents"] = { status: 500, said: "no memory" };
  const state = page();
  void follow(state);
  await settled();
  assert.equal(state.problem.value, "no memory");
  assert.equal(state.isConnected.value, true);
});

test("without a server all is as of a time, until the connection is back", async () => {
  const state = await opened();
  events.onerror?.();
  assert.deepEqual(state.shown.value.map((run) => state.isFollowing(run)), [false, false]);
  assert.match(notices(state).map(({ words }) => words).join(), /^is shown as of 20.*: the server does not answer,is shown/);
  answers["api/runs/a/diff/1"] = "none";
  await assert.rejects(state.source.diff("a", 1), { message: "The server has ended: `hgm serve a` shows it." });
  answers["api/documents"] = json({ documents: [of("a", 5)], unreadable: [] });
  events.onopen?.();
  await settled();
  assert.deepEqual(sizes(state), { a: 5, b: 1 });
  assert.deepEqual(notices(state), [{ run: "b", words: notices(state)[0]?.words }]);
  assert.deepEqual([...state.unreadable.value], [["b", "The server shows it no more."]]);
});

test("a wide window shows two runs from the beginning, a small one shows one", async () => {
  assert.deepEqual((await opened()).names.value, ["a", "b"]);
  Object.assign(globalThis, { innerWidth: 1099 });
  assert.deepEqual((await opened()).names.value, ["a"]);
  Object.assign(globalThis, { innerWidth: 1280 });
});

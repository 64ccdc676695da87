import type { Document, Measurements, Node } from "../src/document";

/** A node with nothing known of it. */
export function node(id: number, parent: number | null, more: Partial<Node> = {}): Node {
  return {
    id,
    parent,
    status: "unevaluated",
    commit: id.toString(16).padStart(40, "a"),
    tree: "",
    job: null,
    brief: "",
    mode: null,
    notes: [],
    expectation: null,
    successes: 0,
    failures: 0,
    unmeasured: 0,
    clade_successes: 0,
    clade_failures: 0,
    cmp: null,
    interval: [0, 1],
    best_belief: 0.01,
    depth: 0,
    children: [],
    rejected: [],
    pending: { evaluations: 0, expansions: 0 },
    cost: { usd: 0, tokens: 0, seconds: 0 },
    ...more,
  };
}

/** Nodes with the given parents, and each parent's children. */
export function nodes(...parents: (number | null)[]): Node[] {
  const made = parents.map((parent, id) => node(id, parent));
  for (const one of made) if (one.parent !== null) made[one.parent]?.children.push(one.id);
  return made;
}

/** Measurements [node, task, outcome, cause?, split?], one second and one token each. */
export function measurements(...rows: (readonly [number, number, number, number?, number?])[]): Measurements {
  return {
    job: rows.map((_, at) => at + 1),
    node: rows.map((row) => row[0]),
    task: rows.map((row) => row[1]),
    split: rows.map((row) => row[4] ?? 0),
    repeat: rows.map(() => 0),
    outcome: rows.map((row) => row[2]),
    cause: rows.map((row) => row[3] ?? 0),
    causes: ["", "crash", "deadline"],
    tokens: rows.map(() => 1),
    usd: rows.map(() => 0.5),
    seconds: rows.map(() => 1),
    at: rows.map((_, at) => at + 1),
  };
}

/** A document of the nodes. */
export function document(of: Node[], results: Measurements, more: Partial<Document> = {}): Document {
  const none = { passed: 0, measured: 0 };
  const scores = { search: none, select: none, sealed: none };
  return {
    schema: "hgm.tree",
    version: 2,
    run: "run",
    benchmark: "",
    backbone: "",
    policy: "",
    seed: 0,
    budget: {},
    evaluations: 0,
    best: 0,
    minimum_evaluations: 10,
    nodes: of,
    tasks: ["a", "b", "c"],
    measurements: results,
    expansions: [],
    live: false,
    workers: 1,
    running: [],
    spent: {},
    results: {
      stage: "finished",
      editor: "self",
      winner: null,
      seed_agent: scores,
      best: scores,
      sealed: null,
      sealed_openings: 0,
      rejections: {},
    },
    ...more,
  };
}

import type { ComponentChildren } from "preact";
import type { Run } from "../app/run";
import type { Node } from "../document";
import { evaluations, score } from "../model/model";
import { LongText } from "../text/LongText";
import { oneLine } from "../text/escape";
import { compact, count, duration, interval, money, percent } from "../text/format";
import { IntervalBar } from "./IntervalBar";

const MOST_LINKS = 60;

/** A node's counts, costs and origin. */
export function Facts({ run, node }: { run: Run; node: Node }) {
  const clade = node.clade_successes + node.clade_failures;
  return (
    <>
      <div class="score-card">
        <div>
          <span class="big">{percent(score(node))}</span>
          <span class="dim">{evaluations(node) === 0 ? "not measured yet" : `own score, 95 % interval ${interval(node.interval)}`}</span>
        </div>
        <IntervalBar score={score(node)} interval={node.interval} />
      </div>
      <dl class="table">
        <Row name="Own results">
          {node.successes} passed, {node.failures} failed{node.unmeasured > 0 && `, ${node.unmeasured} unmeasured`}
        </Row>
        <Row name="Clade" title="The agent and all its descendants">
          {node.clade_successes} passed of {clade}; CMP {percent(node.cmp)}
        </Row>
        <Row name="Best-belief bound" title="1 % quantile of Beta(1 + passed, 1 + failed)">
          {percent(node.best_belief)}
        </Row>
        <Row name="Cost">
          {money(node.cost.usd)} · {compact(node.cost.tokens)} tokens · {duration(node.cost.seconds)}
        </Row>
        {node.pending.evaluations + node.pending.expansions > 0 && (
          <Row name="Running">
            {count(node.pending.evaluations, "evaluation")}, {count(node.pending.expansions, "expansion")}
          </Row>
        )}
        <Row name="Parent">{node.parent === null ? "none: the seed agent" : <NodeLink run={run} node={node.parent} />}</Row>
        <Row name="Children">
          <Children run={run} node={node} />
        </Row>
        {node.mode !== null && (
          <Row name="Mode" title="What the self-modification was shown">
            {oneLine(node.mode)}
          </Row>
        )}
        <Row name="Commit">
          <code>{oneLine(node.commit).slice(0, 12)}</code>
        </Row>
        {node.job !== null && (
          <Row name="Made by">
            <button type="button" class="link" onClick={() => (run.trajectory.value = node.job)}>
              {oneLine(node.job)}: how it was made
            </button>
          </Row>
        )}
        {node.expectation !== null && <Row name="Expectation">{expectationWords(node.expectation)}</Row>}
      </dl>
      {node.brief !== "" && (
        <section>
          <h3>Brief</h3>
          <LongText text={node.brief} first={4000} />
        </section>
      )}
      {node.notes.length > 0 && (
        <section>
          <h3>Notes</h3>
          <ul class="plain">
            {node.notes.map((note) => (
              <li>
                <LongText text={note} first={1000} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {node.rejected.length > 0 && <Rejected run={run} node={node} />}
    </>
  );
}

/** E.g. "passes 3 of the 5 tasks that its parent failed". */
export function expectationWords({ tasks, child, parent }: NonNullable<Node["expectation"]>): string {
  const own = `passes ${child.passed} of ${child.measured} measured on the ${count(tasks, "task")} it was made from`;
  if (parent.passed > 0) return `${own}; its parent passes ${parent.passed} of ${parent.measured}`;
  return child.measured === tasks ? `passes ${child.passed} of ${count(tasks, "task")} that its parent failed` : `${own}, which its parent failed`;
}

function Row({ name, title, children }: { name: string; title?: string; children: ComponentChildren }) {
  return (
    <div>
      <dt title={title}>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function NodeLink({ run, node }: { run: Run; node: number }) {
  const one = run.model.value.nodes[node];
  return (
    <button type="button" class="link" title={one === undefined ? "" : `own score ${percent(score(one))}`} onClick={() => run.open(node)}>
      {node}
    </button>
  );
}

function Children({ run, node }: { run: Run; node: Node }) {
  if (node.children.length === 0) return <>none</>;
  const left = node.children.length - MOST_LINKS;
  return (
    <>
      {node.children.slice(0, MOST_LINKS).map((child) => (
        <NodeLink run={run} node={child} />
      ))}
      {left > 0 && <span class="dim"> and {left} more (the list has them)</span>}
    </>
  );
}

function Rejected({ run, node }: { run: Run; node: Node }) {
  return (
    <section>
      <h3>Rejected expansions</h3>
      <ul class="plain">
        {node.rejected.map(({ job, reason, commit }) => (
          <li>
            <span class="cross" aria-hidden="true">
              ×
            </span>{" "}
            {oneLine(reason)}{" "}
            <button type="button" class="link" onClick={() => (run.trajectory.value = job)}>
              {oneLine(job)}
            </button>
            {commit !== null && <code class="dim"> {oneLine(commit).slice(0, 12)}</code>}
          </li>
        ))}
      </ul>
    </section>
  );
}

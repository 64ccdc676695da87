import { useMemo, useState } from "preact/hooks";
import type { Curve, Moment } from "../model/curve";
import type { Model } from "../model/model";
import { interval, percent } from "../text/format";
import { Chart } from "./Chart";
import { Table } from "./Table";
import { type Ticks, band, line, nearest, timeTicks } from "./geometry";
import { AXIS_NAMES, UNIT_NAMES, type Unit, reached, unitsOf, words } from "./units";

/** How a run went: the best agent's score, and what was spent on what. */
export function CurvesView({ model }: { model: Model }) {
  const curve = model.curve();
  const units = unitsOf(curve);
  const [wanted, setUnit] = useState<Unit>("evaluations");
  const unit = units.includes(wanted) ? wanted : (units[0] ?? "evaluations");
  if (curve.length === 0) return <p class="empty">Nothing has been measured yet.</p>;
  return (
    <div class="curves" tabIndex={0} role="region" aria-label="Curves">
      <BestScore curve={curve} unit={unit} units={units} choose={setUnit} />
      <Spending curve={curve} />
    </div>
  );
}

interface BestScoreProps {
  curve: Curve;
  unit: Unit;
  units: readonly Unit[];
  choose: (unit: Unit) => void;
}

function BestScore({ curve, unit, units, choose }: BestScoreProps) {
  const reach = useMemo(() => curve.map((moment) => reached(moment, unit)), [curve, unit]);
  return (
    <section>
      <h2>
        Best score so far over <UnitChoice label="Horizontal axis" unit={unit} units={units} choose={choose} />
      </h2>
      <p class="dim">
        At each moment: the own score of the agent that was believed to be best then, and its 95 % interval. Where another agent takes
        the lead, the line may fall.
      </p>
      <Chart
        title="Best score so far"
        x={{ high: reach.at(-1) ?? 0, name: AXIS_NAMES[unit], words: (value) => words(value, unit), ...ticksOf(unit) }}
        y={{ high: 1, name: "score", words: percent }}
        draw={(x, y) => {
          const xs = reach.map(x.place);
          const ys = (pick: (moment: Moment) => number) => curve.map((moment) => y.place(pick(moment)));
          return (
            <>
              <path class="band" d={band(xs, ys((moment) => moment.low), ys((moment) => moment.high))} />
              <path class="curve" d={line(xs, ys((moment) => moment.mean))} />
            </>
          );
        }}
        read={(x) => {
          const at = nearest(reach, x);
          const moment = curve[at];
          return moment === undefined ? null : { x: reach[at] ?? 0, lines: scoreLines(moment, unit) };
        }}
      />
      <Table
        caption="Best score so far"
        heads={[AXIS_NAMES[unit], "best agent", "score", "95 % interval"]}
        rows={curve}
        cells={(moment) => [words(reached(moment, unit), unit), String(moment.best), percent(moment.mean), interval([moment.low, moment.high])]}
      />
    </section>
  );
}

function ticksOf(unit: Unit): { ticks?: Ticks } {
  return unit === "seconds" ? { ticks: timeTicks } : {};
}

function scoreLines(moment: Moment, unit: Unit): string[] {
  return [
    `${words(reached(moment, unit), unit)} ${unit === "usd" || unit === "seconds" ? "" : UNIT_NAMES[unit]}`.trim(),
    `agent ${moment.best}: ${percent(moment.mean)}`,
    `interval ${interval([moment.low, moment.high])}`,
  ];
}

type CostUnit = "usd" | "tokens" | "seconds";

function Spending({ curve }: { curve: Curve }) {
  const last = curve.at(-1);
  const units = (["usd", "tokens", "seconds"] as const).filter((unit) => last !== undefined && last.expansions[unit] + last.measured[unit] > 0);
  const [wanted, setUnit] = useState<CostUnit>("usd");
  const unit = units.includes(wanted) ? wanted : units[0];
  const times = useMemo(() => curve.map((moment) => moment.at), [curve]);
  if (unit === undefined || last === undefined) return null;
  const total = (moment: Moment) => moment.expansions[unit] + moment.measured[unit];
  return (
    <section>
      <h2>
        Spending in{" "}
        <UnitChoice label="Unit of spending" unit={unit} units={units} choose={setUnit} names={{ usd: "money", tokens: "tokens", seconds: "working time" }} />
      </h2>
      <p class="key">
        <span class="box expansions" /> expansions: making agents <span class="box evaluations" /> evaluations: testing them
      </p>
      <Chart
        title="Spending"
        x={{ high: last.at, name: AXIS_NAMES.seconds, words: (value) => words(value, "seconds"), ticks: timeTicks }}
        y={{ high: total(last), name: unit, words: (value) => words(value, unit) }}
        draw={(x, y) => {
          const xs = times.map(x.place);
          const floor = curve.map(() => y.place(0));
          const middle = curve.map((moment) => y.place(moment.expansions[unit]));
          const top = curve.map((moment) => y.place(total(moment)));
          return (
            <>
              <path class="area evaluations" d={band(xs, middle, top)} />
              <path class="area expansions" d={band(xs, floor, middle)} />
            </>
          );
        }}
        read={(x) => {
          const moment = curve[nearest(times, x)];
          return moment === undefined ? null : { x: moment.at, lines: spendingLines(moment, unit) };
        }}
      />
      <Table
        caption="Spending"
        heads={[AXIS_NAMES.seconds, "expansions", "evaluations", "together"]}
        rows={curve}
        cells={(moment) => [words(moment.at, "seconds"), words(moment.expansions[unit], unit), words(moment.measured[unit], unit), words(total(moment), unit)]}
      />
    </section>
  );
}

function spendingLines(moment: Moment, unit: CostUnit): string[] {
  return [
    `after ${words(moment.at, "seconds")}`,
    `expansions ${words(moment.expansions[unit], unit)}`,
    `evaluations ${words(moment.measured[unit], unit)}`,
  ];
}

interface ChoiceProps<U extends Unit> {
  label: string;
  unit: U;
  units: readonly U[];
  choose: (unit: U) => void;
  names?: Partial<Record<Unit, string>>;
}

function UnitChoice<U extends Unit>({ label, unit, units, choose, names = UNIT_NAMES }: ChoiceProps<U>) {
  return (
    <select aria-label={label} value={unit} onChange={(event) => choose(event.currentTarget.value as U)}>
      {units.map((one) => (
        <option value={one}>{names[one]}</option>
      ))}
    </select>
  );
}

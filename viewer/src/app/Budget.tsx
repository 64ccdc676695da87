import { type Use, rateWords, shares, useWords } from "./uses";

/** Every unit that limits a run, as a bar with its figures; while it goes on, with the rate of late. */
export function Budget({ uses, isLive }: { uses: readonly Use[]; isLive: boolean }) {
  return (
    <div class="uses" data-testid="budget">
      {uses.map((use) => (
        <Bar key={use.unit} use={use} rate={isLive ? rateWords(use) : ""} />
      ))}
    </div>
  );
}

function Bar({ use, rate }: { use: Use; rate: string }) {
  const { used, reserved } = shares(use);
  const words = useWords(use);
  return (
    <div class="use">
      <span>{words}</span>
      {rate !== "" && <span class="dim"> · {rate}</span>}
      <div
        class="bar"
        role="progressbar"
        aria-label={`Budget, ${use.unit === "usd" ? "money" : use.unit}`}
        aria-valuetext={words}
        aria-valuenow={Math.round(used * 100)}
        aria-valuemin={0}
        aria-valuemax={100}
      >
        <div class="used" style={{ width: `${used * 100}%` }} />
        <div class="reserved" style={{ width: `${reserved * 100}%` }} />
      </div>
    </div>
  );
}

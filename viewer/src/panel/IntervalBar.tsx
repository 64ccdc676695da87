import { interval as words, percent } from "../text/format";

interface Props {
  score: number | null;
  interval: readonly [number, number];
}

/** A score and its interval between 0 and 100 %. */
export function IntervalBar({ score, interval: [low, high] }: Props) {
  return (
    <svg class="interval" viewBox="0 0 200 26" role="img" aria-label={`${percent(score)}, interval ${words([low, high])}`}>
      <rect class="track" x="0" y="6" width="200" height="6" rx="3" />
      {score !== null && <rect class="range" x={low * 200} y="6" width={Math.max(1, (high - low) * 200)} height="6" rx="3" />}
      {score !== null && <circle class="dot" cx={score * 200} cy="9" r="5" />}
      <text x="0" y="25">
        0
      </text>
      <text x="100" y="25" text-anchor="middle">
        50
      </text>
      <text x="200" y="25" text-anchor="end">
        100 %
      </text>
    </svg>
  );
}

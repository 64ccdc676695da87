import { viridis } from "../model/colour";
import type { Scale } from "../model/scale";
import { oneLine } from "../text/escape";

const STEPS = 24;

/** What the colours, sizes and marks of a tree mean. */
export function Legend({ scale, showRejected }: { scale: Scale; showRejected: boolean }) {
  const { legend } = scale;
  return (
    <div class="legend" data-testid="legend" role="note" aria-label="Legend">
      <strong>{legend.title}</strong>
      {legend.kind === "range" ? (
        <div class="ramp">
          <span>{legend.low}</span>
          <Ramp />
          <span>{legend.high}</span>
        </div>
      ) : (
        <ul>
          {legend.classes.map(({ name, colour }) => (
            <li>
              <Swatch colour={colour} /> {oneLine(name)}
            </li>
          ))}
        </ul>
      )}
      <ul class="marks">
        <li>
          <svg width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true">
            <circle r="5" class="hollow" />
          </svg>{" "}
          {scale.by === "cause" ? "no failure" : "not measured"}
        </li>
        <li>
          <svg width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true">
            <path class="star" d="M0-7 2-2 7-2 3 1.4 4.4 6.6 0 3.4-4.4 6.6-3 1.4-7-2-2-2Z" />
          </svg>{" "}
          best agent
        </li>
        <li>
          <svg width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true">
            <path class="line" d="M-8 0H8" />
          </svg>{" "}
          its lineage
        </li>
        {showRejected && (
          <li>
            <span class="cross">×</span> rejected expansion
          </li>
        )}
        <li>area: evaluations</li>
      </ul>
    </div>
  );
}

function Ramp() {
  return (
    <svg class="ramp-bar" width="120" height="10" viewBox={`0 0 ${STEPS} 1`} preserveAspectRatio="none" aria-hidden="true">
      {Array.from({ length: STEPS }, (_, step) => (
        <rect x={step} width="1.05" height="1" fill={viridis(step / (STEPS - 1))} />
      ))}
    </svg>
  );
}

function Swatch({ colour }: { colour: string }) {
  return (
    <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
      <circle cx="6" cy="6" r="5.5" fill={colour} class="swatch" />
    </svg>
  );
}

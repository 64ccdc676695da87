import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { type Axis, type Frame, type Ticks, axis } from "./geometry";

interface Props {
  title: string;
  x: { high: number; name: string; words: (value: number) => string; ticks?: Ticks };
  y: { high: number; name: string; words: (value: number) => string };
  /** What is drawn, given both axes. */
  draw: (x: Axis, y: Axis) => ComponentChildren;
  /** What is said about a place on the x axis, and where it really is. */
  read: (x: number) => { x: number; lines: readonly string[] } | null;
}

const HEIGHT = 300;

/** A chart with axes, units and a readout that follows the pointer or the arrow keys. */
export function Chart({ title, x, y, draw, read }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [at, setAt] = useState<number | null>(null);
  useEffect(() => {
    if (box.current === null) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const frame: Frame = { width, height: HEIGHT, left: 64, right: 30, top: 12, bottom: 44 };
  const across = axis(0, x.high, frame.left, frame.width - frame.right, Math.max(2, width / 120), x.ticks);
  const up = axis(0, y.high, frame.height - frame.bottom, frame.top, 5);
  const readout = at === null ? null : read(Math.min(across.high, Math.max(0, at)));
  const step = (event: KeyboardEvent) => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (way === undefined) return;
    setAt(Math.min(across.high, Math.max(0, (at ?? 0) + (way * across.high) / 60)));
    event.preventDefault();
  };
  return (
    <div class="chart" ref={box}>
      {width > 120 && (
        <svg
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={`${title}. The table below holds the values.`}
          tabIndex={0}
          onPointerMove={(event) => setAt(across.value(event.offsetX))}
          onPointerLeave={() => setAt(null)}
          onKeyDown={step}
          onBlur={() => setAt(null)}
        >
          <Axes frame={frame} across={across} up={up} x={x} y={y} />
          {draw(across, up)}
          {readout !== null && (
            <line class="cursor" x1={across.place(readout.x)} x2={across.place(readout.x)} y1={frame.top} y2={frame.height - frame.bottom} />
          )}
        </svg>
      )}
      {readout !== null && (
        <div class="readout" role="status" style={{ left: `${Math.min(across.place(readout.x) + 12, width - 240)}px` }}>
          {readout.lines.map((text) => (
            <div>{text}</div>
          ))}
        </div>
      )}
    </div>
  );
}

interface AxesProps extends Pick<Props, "x" | "y"> {
  frame: Frame;
  across: Axis;
  up: Axis;
}

function Axes({ frame, across, up, x, y }: AxesProps) {
  const floor = frame.height - frame.bottom;
  return (
    <g class="axes">
      {up.ticks.map((value) => (
        <>
          <line x1={frame.left} x2={frame.width - frame.right} y1={up.place(value)} y2={up.place(value)} />
          <text x={frame.left - 8} y={up.place(value) + 4} text-anchor="end">
            {y.words(value)}
          </text>
        </>
      ))}
      {across.ticks.map((value) => (
        <text x={across.place(value)} y={floor + 17} text-anchor="middle">
          {x.words(value)}
        </text>
      ))}
      <text class="name" x={(frame.left + frame.width) / 2} y={frame.height - 6} text-anchor="middle">
        {x.name}
      </text>
    </g>
  );
}

/** Geometry of a chart, and its axes. */

import { bisector, ticks } from "d3-array";

export interface Frame {
  width: number;
  height: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface Axis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
  /** From a value to a pixel, and back. */
  readonly place: (value: number) => number;
  readonly value: (pixel: number) => number;
}

export type Ticks = (low: number, high: number, wanted: number) => number[];

/** Steps between moments that people use: seconds, minutes, hours and days. */
const TIME_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000,
];

/** Ticks at round seconds, minutes, hours or days. */
export const timeTicks: Ticks = (low, high, wanted) => {
  const step = TIME_STEPS.find((one) => (high - low) / one <= wanted);
  if (step === undefined || high - low < 2) return ticks(low, high, wanted);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, at) => (first + at) * step);
};

/** A linear axis from one pixel to another; an empty range is widened to one. */
export function axis(low: number, high: number, from: number, to: number, wanted: number, chosen: Ticks = ticks): Axis {
  const end = high > low ? high : low + 1;
  return {
    low,
    high: end,
    ticks: chosen(low, end, wanted),
    place: (value) => from + ((value - low) / (end - low)) * (to - from),
    value: (pixel) => low + ((pixel - from) / (to - from)) * (end - low),
  };
}

/** An SVG path through the points; points that are not numbers interrupt it. */
export function line(xs: readonly number[], ys: readonly number[]): string {
  let isDrawing = false;
  let path = "";
  for (const [at, x] of xs.entries()) {
    const y = ys[at] ?? NaN;
    if (Number.isNaN(x) || Number.isNaN(y)) {
      isDrawing = false;
      continue;
    }
    path += `${isDrawing ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    isDrawing = true;
  }
  return path;
}

/** A closed band between two lines, over the points where both are numbers. */
export function band(xs: readonly number[], lows: readonly number[], highs: readonly number[]): string {
  const points = xs.flatMap((x, at) => {
    const [low, high] = [lows[at] ?? NaN, highs[at] ?? NaN];
    return Number.isNaN(x) || Number.isNaN(low) || Number.isNaN(high) ? [] : [{ x, low, high }];
  });
  if (points.length === 0) return "";
  const up = points.map(({ x, high }) => `${x.toFixed(1)} ${high.toFixed(1)}`);
  const down = points.reverse().map(({ x, low }) => `${x.toFixed(1)} ${low.toFixed(1)}`);
  return `M${[...up, ...down].join("L")}Z`;
}

/** The position of the value nearest to `x`; values must not fall. */
export function nearest(values: readonly number[], x: number): number {
  return bisector((value: number) => value).center(values, x);
}

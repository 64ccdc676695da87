/** Colours that people with any colour vision can tell apart. */

export type Rgb = readonly [number, number, number];

/** Viridis (Smith and van der Walt), ten of its colours. */
const VIRIDIS: readonly Rgb[] = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37],
];

/** Okabe and Ito's qualitative colours, without black. */
export const OKABE_ITO: readonly string[] = ["#e69f00", "#56b4e9", "#009e73", "#d55e00", "#0072b2", "#cc79a7", "#f0e442"];

/** For what has no colour of its own: the rarer causes. */
export const OTHER = "#999999";

/** The colour of a share between 0 and 1. */
export function viridis(share: number): string {
  const position = Math.min(1, Math.max(0, share)) * (VIRIDIS.length - 1);
  const low = VIRIDIS[Math.floor(position)] ?? [0, 0, 0];
  const high = VIRIDIS[Math.ceil(position)] ?? low;
  const part = position - Math.floor(position);
  const [red, green, blue] = low.map((value, channel) => Math.round(value + part * (high[channel]! - value)));
  return `rgb(${red},${green},${blue})`;
}

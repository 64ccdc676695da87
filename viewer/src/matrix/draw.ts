/** Draws the part of a matrix that is in sight, pixel by pixel. */

import { CELL_NAMES, Cell, type Matrix } from "../model/matrix";
import type { Palette } from "../tree/palette";

export const LABELS = 210;
export const HEADS = 34;

export interface Grid {
  readonly matrix: Matrix;
  /** Tasks from top to bottom and nodes from left to right. */
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  /** Size of a cell, in CSS pixels. */
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly left: number;
  readonly top: number;
  readonly taskNames: readonly string[];
}

export const GLYPHS: Record<(typeof CELL_NAMES)[number], string> = {
  "not tried": "",
  passed: "✓",
  failed: "✕",
  "passed and failed": "±",
  unmeasured: "?",
};

const GLYPH_SIZE = 12;
const GAP_FROM = 5;
const FONT = "12px system-ui, sans-serif";

/** The colour of each kind of cell, by its number. */
export function cellColours(palette: Palette): string[] {
  return [palette.untried, palette.passed, palette.failed, palette.mixed, palette.unmeasured];
}

export function drawMatrix(context: CanvasRenderingContext2D, grid: Grid, palette: Palette, selected: number | null): void {
  const { width, height } = context.canvas;
  const ratio = devicePixelRatio;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  const [left, top] = [Math.round(LABELS * ratio), Math.round(HEADS * ratio)];
  if (width > left && height > top) context.putImageData(cellsImage(context, grid, palette, width - left, height - top, ratio), left, top);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const box = { width: width / ratio, height: height / ratio };
  if (Math.min(grid.cellWidth, grid.cellHeight) >= GLYPH_SIZE) drawGlyphs(context, grid, palette, box);
  drawTaskNames(context, grid, palette, box);
  drawHeads(context, grid, palette, box, selected);
}

/** The cell at a point of the canvas: positions in `rows` and `columns`; null outside. */
export function cellAt(grid: Grid, x: number, y: number): { row: number; column: number } | null {
  const column = Math.floor((x - LABELS + grid.left) / grid.cellWidth);
  const row = Math.floor((y - HEADS + grid.top) / grid.cellHeight);
  const isInside = x >= LABELS && y >= HEADS && column < grid.columns.length && row < grid.rows.length;
  return isInside ? { row, column } : null;
}

export function cellOf({ matrix }: Grid, task: number, node: number): Cell {
  return (matrix.cells[task * matrix.nodes + node] ?? Cell.untried) as Cell;
}

function cellsImage(context: CanvasRenderingContext2D, grid: Grid, palette: Palette, width: number, height: number, ratio: number): ImageData {
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const colours = Uint32Array.from(cellColours(palette), packed);
  const columns = places(width, grid.left * ratio, grid.cellWidth * ratio, grid.columns);
  const rows = places(height, grid.top * ratio, grid.cellHeight * ratio, grid.rows);
  const { cells, nodes } = grid.matrix;
  let before = -1;
  for (let y = 0; y < height; y++) {
    const task = rows[y]!;
    if (task < 0) continue;
    if (task === before) {
      pixels.copyWithin(y * width, (y - 1) * width, y * width);
      continue;
    }
    before = task;
    for (let x = 0; x < width; x++) {
      const node = columns[x]!;
      if (node >= 0) pixels[y * width + x] = colours[cells[task * nodes + node]!]!;
    }
  }
  return image;
}

/** What lies at each pixel of a side: an id, or -1 for a gap or nothing. */
function places(length: number, offset: number, size: number, ids: Int32Array): Int32Array {
  const found = new Int32Array(length).fill(-1);
  const gap = size >= GAP_FROM ? 1 : 0;
  for (let pixel = 0; pixel < length; pixel++) {
    const at = Math.floor((pixel + offset) / size);
    if (at >= ids.length) break;
    if (gap === 0 || pixel + offset - at * size < size - gap) found[pixel] = ids[at]!;
  }
  return found;
}

/** "#rrggbb" as the number that a picture's pixel is. */
function packed(colour: string): number {
  const channels = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return new Uint32Array(Uint8Array.of(...channels, 255).buffer)[0] ?? 0;
}

function drawGlyphs(context: CanvasRenderingContext2D, grid: Grid, palette: Palette, box: { width: number; height: number }): void {
  context.save();
  context.beginPath();
  context.rect(LABELS, HEADS, box.width - LABELS, box.height - HEADS);
  context.clip();
  context.font = FONT;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = palette.glyph;
  for (const row of inSight(grid.top, grid.cellHeight, box.height - HEADS, grid.rows.length)) {
    for (const column of inSight(grid.left, grid.cellWidth, box.width - LABELS, grid.columns.length)) {
      const glyph = GLYPHS[CELL_NAMES[cellOf(grid, grid.rows[row]!, grid.columns[column]!)]];
      const x = LABELS + (column + 0.5) * grid.cellWidth - grid.left;
      if (glyph !== "") context.fillText(glyph, x - 0.5, HEADS + (row + 0.5) * grid.cellHeight - grid.top);
    }
  }
  context.restore();
}

function drawTaskNames(context: CanvasRenderingContext2D, grid: Grid, palette: Palette, box: { width: number; height: number }): void {
  const step = Math.max(1, Math.ceil(13 / grid.cellHeight));
  context.save();
  context.beginPath();
  context.rect(0, HEADS - 8, LABELS - 6, box.height - HEADS + 8);
  context.clip();
  context.font = FONT;
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const row of inSight(grid.top, grid.cellHeight, box.height - HEADS, grid.rows.length)) {
    if (row % step !== 0) continue;
    const task = grid.rows[row]!;
    const y = HEADS + (row + 0.5) * grid.cellHeight - grid.top;
    const rate = grid.matrix.rates[task] ?? NaN;
    context.fillStyle = palette.muted;
    context.fillText(Number.isNaN(rate) ? "–" : `${Math.round(rate * 100)} %`, 12, y);
    context.fillStyle = palette.ink;
    context.fillText(grid.taskNames[task] ?? "", 54, y);
  }
  context.restore();
}

function drawHeads(context: CanvasRenderingContext2D, grid: Grid, palette: Palette, box: { width: number; height: number }, selected: number | null): void {
  const step = Math.max(1, Math.ceil(44 / grid.cellWidth));
  context.save();
  context.beginPath();
  context.rect(LABELS - 1, 0, box.width - LABELS, box.height);
  context.clip();
  context.font = FONT;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  for (const column of inSight(grid.left, grid.cellWidth, box.width - LABELS, grid.columns.length)) {
    const node = grid.columns[column]!;
    const x = LABELS + (column + 0.5) * grid.cellWidth - grid.left;
    if (column % step === 0) {
      context.fillStyle = palette.muted;
      context.fillText(String(node), x, HEADS - 8);
    }
    if (node !== selected) continue;
    context.strokeStyle = palette.ink;
    context.lineWidth = 2;
    const width = Math.max(3, grid.cellWidth);
    context.strokeRect(x - width / 2 - 1, HEADS - 2, width + 1, Math.min(box.height, grid.rows.length * grid.cellHeight - grid.top + 3));
  }
  context.restore();
}

function* inSight(offset: number, size: number, length: number, count: number): Generator<number> {
  const last = Math.min(count - 1, Math.floor((offset + length) / size));
  for (let at = Math.max(0, Math.floor(offset / size)); at <= last; at++) yield at;
}

/** From layout units to pixels. Breadth zooms freely; generations move apart more slowly, so that links stay short. */

export interface Size {
  width: number;
  height: number;
}

export interface Camera {
  /** Pixels per row and per generation. */
  row: number;
  generation: number;
  /** Where the root's row (breadth 0) and generation 0 lie, in pixels. */
  breadthAt: number;
  depthAt: number;
}

export interface Extent {
  lowest: number;
  highest: number;
  generations: number;
}

/** How far apart rows and generations are when a tree is read comfortably. */
export interface Comfort {
  row: number;
  generation: number;
}

export const ACROSS: Comfort = { row: 30, generation: 150 };
export const DOWN: Comfort = { row: 64, generation: 92 };

const LARGEST_ROW = 90;
const MARGIN = 56;

/** Shows the whole tree, yet never more spread out than is comfortable. `along` is the length in which generations run. */
export function fitted(extent: Extent, across: number, along: number, comfort: Comfort, label: number): Camera {
  const rows = Math.max(1, extent.highest - extent.lowest);
  const steps = Math.max(1, extent.generations - 1);
  const generation = Math.min(comfort.generation * 1.6, Math.max(20, along - 2 * MARGIN - label) / steps);
  const largest = comfort.row * 2 * Math.min(1, generation / comfort.generation);
  const row = Math.min(largest, Math.max(20, across - 2 * MARGIN) / rows);
  return {
    row,
    generation,
    breadthAt: across / 2 - ((extent.lowest + extent.highest) / 2) * row,
    depthAt: extent.generations === 1 ? along / 3 : (along - label - generation * (extent.generations - 1)) / 2,
  };
}

/** Zooms by `factor` about a point, which stays where it is, between the camera that fits and the largest rows. */
export function zoomed(camera: Camera, factor: number, breadth: number, depth: number, fit: Camera, comfort: Comfort): Camera {
  const row = Math.min(LARGEST_ROW, Math.max(fit.row * 0.5, camera.row * factor));
  const generation = generationFor(row, fit, comfort);
  return {
    row,
    generation,
    breadthAt: breadth - (breadth - camera.breadthAt) * (row / camera.row),
    depthAt: depth - (depth - camera.depthAt) * (generation / camera.generation),
  };
}

/** From the fitting to the comfortable row the distance of generations goes to the comfortable one; outside, both grow together. */
function generationFor(row: number, fit: Camera, comfort: Comfort): number {
  if (row <= fit.row) return fit.generation * (row / fit.row);
  const start = Math.min(fit.row, comfort.row);
  if (fit.row >= comfort.row) return fit.generation * (row / fit.row) ** 0.6;
  if (row >= comfort.row) return comfort.generation * (row / comfort.row) ** 0.6;
  const part = Math.log(row / start) / Math.log(comfort.row / start);
  return fit.generation ** (1 - part) * comfort.generation ** part;
}

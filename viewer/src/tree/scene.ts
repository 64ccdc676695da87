/** What a tree's picture shows, and where. */

import type { Scale } from "../model/scale";
import { type Model, evaluations } from "../model/model";
import type { Camera, Size } from "./camera";
import type { Layout } from "./layout";

export type Direction = "across" | "down";

/** All that a picture depends on, apart from the camera. */
export interface Scene {
  readonly model: Model;
  readonly layout: Layout;
  readonly descendants: Int32Array;
  readonly collapsed: ReadonlySet<number>;
  readonly direction: Direction;
  readonly scale: Scale;
  readonly matches: ReadonlySet<number>;
  readonly showRejected: boolean;
  /** Nodes with running jobs. */
  readonly running: ReadonlySet<number>;
}

export interface Point {
  x: number;
  y: number;
}

/** A node's centre in the picture; NaN inside a collapsed clade. */
export function position(scene: Scene, camera: Camera, node: number): Point {
  const along = camera.depthAt + (scene.model.depths[node] ?? NaN) * camera.generation;
  const across = camera.breadthAt + (scene.layout.breadth[node] ?? NaN) * camera.row;
  return scene.direction === "across" ? { x: along, y: across } : { x: across, y: along };
}

/** The picture's lengths across and along the generations. */
export function sides(direction: Direction, size: Size): { across: number; along: number } {
  return direction === "across" ? { across: size.height, along: size.width } : { across: size.width, along: size.height };
}

const LARGEST = 13;

/** Radii whose areas are as the numbers of evaluations. */
export function radii(model: Model): Float32Array {
  let most = 1;
  for (const node of model.nodes) most = Math.max(most, evaluations(node));
  return Float32Array.from(model.nodes, (node) => Math.max(4, LARGEST * Math.sqrt(evaluations(node) / most)));
}

/** How much smaller nodes are drawn when rows lie close. */
export function shrink(camera: Camera): number {
  return Math.min(1, Math.max(0.1, Math.sqrt(camera.row / 26)));
}

/** First and last generation of which a part may be in the picture. */
export function generationsInSight(scene: Scene, camera: Camera, size: Size, margin: number): [number, number] {
  const { along } = sides(scene.direction, size);
  const first = Math.floor((-margin - camera.depthAt) / camera.generation);
  const last = Math.ceil((along + margin - camera.depthAt) / camera.generation);
  return [Math.max(0, first), Math.min(scene.layout.rows.length - 1, last)];
}

/** The rows that the picture shows. */
export function breadthInSight(scene: Scene, camera: Camera, size: Size, margin: number): [number, number] {
  const { across } = sides(scene.direction, size);
  return [(-margin - camera.breadthAt) / camera.row, (across + margin - camera.breadthAt) / camera.row];
}

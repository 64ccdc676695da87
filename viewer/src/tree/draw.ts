/** Draws a scene: only what is in sight, and no finer than can be seen. */

import { evaluations, score } from "../model/model";
import { percent } from "../text/format";
import { cut, oneLine } from "../text/escape";
import type { Camera, Size } from "./camera";
import { lowerBound } from "./layout";
import type { Palette } from "./palette";
import { type Point, type Scene, breadthInSight, generationsInSight, position, shrink } from "./scene";

const MARGIN = 40;
const SMALLEST_ROUND = 1.7;
const LABEL_ROW = { across: 15, down: 48 };
/** From here on a label that a link would cross is lifted above it. */
const LIFTED_ROW = 22;
const LABEL_FONT = "12px system-ui, sans-serif";
const FULL_TURN = 2 * Math.PI;

export interface Picture {
  context: CanvasRenderingContext2D;
  scene: Scene;
  camera: Camera;
  size: Size;
  radius: Float32Array;
  palette: Palette;
  /** Opacity of a node that has just come; 1 for the others. */
  opacity: (node: number) => number;
}

/** Draws everything that does not move by itself; returns how many nodes that are. */
export function drawScene(picture: Picture): number {
  drawLinks(picture);
  drawLineage(picture);
  const seen = nodesInSight(picture.scene, picture.camera, picture.size);
  drawNodes(picture, seen);
  drawBest(picture);
  if (picture.scene.showRejected) drawRejected(picture, seen);
  drawLabels(picture, seen);
  return seen.length;
}

/** Ids of the nodes in the picture, generation by generation. */
export function nodesInSight(scene: Scene, camera: Camera, size: Size): number[] {
  const seen: number[] = [];
  const [first, last] = generationsInSight(scene, camera, size, MARGIN);
  const [low, high] = breadthInSight(scene, camera, size, MARGIN);
  const { breadth } = scene.layout;
  for (let generation = first; generation <= last; generation++) {
    const row = scene.layout.rows[generation]!;
    for (let at = lowerBound(row, (node) => breadth[node]!, low); at < row.length && breadth[row[at]!]! <= high; at++) seen.push(row[at]!);
  }
  return seen;
}

/** The node under a point, or within a few pixels of it. */
export function nodeAt(scene: Scene, camera: Camera, radius: Float32Array, point: Point): number | null {
  const [along, across] = scene.direction === "across" ? [point.x, point.y] : [point.y, point.x];
  const nearest = Math.round((along - camera.depthAt) / camera.generation);
  const reach = 18;
  const { breadth, rows } = scene.layout;
  let found: number | null = null;
  let least = Infinity;
  for (let generation = Math.max(0, nearest - 1); generation <= Math.min(rows.length - 1, nearest + 1); generation++) {
    const row = rows[generation]!;
    const low = (across - reach - camera.breadthAt) / camera.row;
    const high = (across + reach - camera.breadthAt) / camera.row;
    for (let at = lowerBound(row, (node) => breadth[node]!, low); at < row.length && breadth[row[at]!]! <= high; at++) {
      const node = row[at]!;
      const there = position(scene, camera, node);
      const distance = Math.hypot(there.x - point.x, there.y - point.y) - radius[node]! * shrink(camera);
      if (distance < 6 && distance < least) [found, least] = [node, distance];
    }
  }
  return found;
}

function drawLinks({ context, scene, camera, size, palette, opacity }: Picture): void {
  const [first, last] = generationsInSight(scene, camera, size, camera.generation);
  const [low, high] = breadthInSight(scene, camera, size, MARGIN);
  const { nodes } = scene.model;
  const { breadth } = scene.layout;
  const parentOf = (node: number) => nodes[node]?.parent ?? 0;
  const highEnd = (node: number) => Math.max(breadth[node]!, breadth[parentOf(node)]!);
  const pixel = camera.row < 3 ? 1.5 : 0.25;
  context.strokeStyle = palette.edge;
  context.lineWidth = camera.row < 3 ? 0.6 : 1.2;
  for (let generation = Math.max(1, first); generation <= last; generation++) {
    const row = scene.layout.rows[generation]!;
    let drawn = NaN;
    let drawnParent = NaN;
    context.beginPath();
    for (let at = lowerBound(row, highEnd, low); at < row.length; at++) {
      const node = row[at]!;
      const parent = parentOf(node);
      if (Math.min(breadth[node]!, breadth[parent]!) > high) break;
      const isNear = Math.abs(breadth[node]! - drawn) * camera.row < pixel && Math.abs(breadth[parent]! - drawnParent) * camera.row < pixel;
      if (isNear || opacity(node) < 1) continue;
      [drawn, drawnParent] = [breadth[node]!, breadth[parent]!];
      link(context, scene, position(scene, camera, parent), position(scene, camera, node), camera.row < 3);
    }
    context.stroke();
  }
}

function link(context: CanvasRenderingContext2D, scene: Scene, from: Point, to: Point, isStraight: boolean): void {
  context.moveTo(from.x, from.y);
  if (isStraight) return context.lineTo(to.x, to.y);
  if (scene.direction === "across") {
    const middle = (from.x + to.x) / 2;
    context.bezierCurveTo(middle, from.y, middle, to.y, to.x, to.y);
  } else {
    const middle = (from.y + to.y) / 2;
    context.bezierCurveTo(from.x, middle, to.x, middle, to.x, to.y);
  }
}

function drawLineage({ context, scene, camera, palette }: Picture): void {
  context.beginPath();
  for (const node of scene.model.lineage) {
    const parent = scene.model.nodes[node]?.parent ?? null;
    if (parent === null || Number.isNaN(scene.layout.breadth[node])) continue;
    link(context, scene, position(scene, camera, parent), position(scene, camera, node), camera.row < 3);
  }
  context.strokeStyle = palette.accent;
  context.lineWidth = 3.2;
  context.stroke();
}

function drawNodes(picture: Picture, seen: readonly number[]): void {
  const { context, scene, camera, radius, palette, opacity } = picture;
  const size = shrink(camera);
  let last: Point = { x: NaN, y: NaN };
  for (const node of seen) {
    const at = position(scene, camera, node);
    const reach = radius[node]! * size;
    const isMatch = scene.matches.has(node);
    if (Math.abs(at.x - last.x) + Math.abs(at.y - last.y) < 0.8 && !isMatch) continue;
    last = at;
    const colour = scene.scale.colour(scene.model, scene.model.nodes[node]!);
    const alpha = opacity(node);
    if (alpha < 1) context.globalAlpha = alpha;
    if (scene.collapsed.has(node) && scene.descendants[node]! > 0) drawCollapsed(picture, at, reach, node);
    if (reach < SMALLEST_ROUND) {
      context.fillStyle = colour ?? palette.muted;
      const side = Math.max(2, reach * 2);
      context.fillRect(at.x - side / 2, at.y - side / 2, side, side);
    } else {
      disc(context, at, reach, colour, palette);
    }
    if (isMatch) ring(context, at, Math.max(5, reach + 4), palette.match, 3);
    if (alpha < 1) context.globalAlpha = 1;
  }
}

function disc(context: CanvasRenderingContext2D, at: Point, reach: number, colour: string | null, palette: Palette): void {
  context.beginPath();
  context.arc(at.x, at.y, reach, 0, FULL_TURN);
  context.fillStyle = colour ?? palette.surface;
  context.fill();
  if (reach < 3 && colour !== null) return;
  context.strokeStyle = colour === null ? palette.muted : palette.ink;
  context.lineWidth = colour === null ? 1.5 : 0.7;
  context.stroke();
}

function ring(context: CanvasRenderingContext2D, at: Point, reach: number, colour: string, width: number): void {
  context.beginPath();
  context.arc(at.x, at.y, reach, 0, FULL_TURN);
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

/** A triangle that opens away from the root, with the number of what it hides. */
function drawCollapsed({ context, scene, palette, camera }: Picture, at: Point, reach: number, node: number): void {
  const length = Math.max(16, 26 * shrink(camera));
  const half = length * 0.42;
  context.beginPath();
  context.moveTo(at.x, at.y);
  if (scene.direction === "across") {
    context.lineTo(at.x + reach + length, at.y - half);
    context.lineTo(at.x + reach + length, at.y + half);
  } else {
    context.lineTo(at.x - half, at.y + reach + length);
    context.lineTo(at.x + half, at.y + reach + length);
  }
  context.closePath();
  context.fillStyle = palette.edge;
  context.fill();
  context.strokeStyle = palette.muted;
  context.lineWidth = 1;
  context.stroke();
  if (camera.row < 3) return;
  context.font = LABEL_FONT;
  context.fillStyle = palette.ink;
  context.textBaseline = "middle";
  context.textAlign = scene.direction === "across" ? "left" : "center";
  const text = `+${scene.descendants[node]}`;
  if (scene.direction === "across") context.fillText(text, at.x + reach + length + 4, at.y);
  else context.fillText(text, at.x, at.y + reach + length + 10);
}

/** A ring and a star: not by colour alone. */
function drawBest({ context, scene, camera, radius, palette }: Picture): void {
  const best = scene.model.document.best;
  const at = position(scene, camera, best);
  if (Number.isNaN(at.y) || Number.isNaN(at.x)) return;
  const reach = Math.max(3, radius[best]! * shrink(camera));
  ring(context, at, reach + 3.5, palette.accent, 2.4);
  star(context, { x: at.x, y: at.y - reach - 11 }, 7.5);
  context.fillStyle = palette.accent;
  context.fill();
  context.strokeStyle = palette.surface;
  context.lineWidth = 1;
  context.stroke();
}

function star(context: CanvasRenderingContext2D, at: Point, reach: number): void {
  context.beginPath();
  for (let corner = 0; corner < 10; corner++) {
    const angle = (corner * Math.PI) / 5 - Math.PI / 2;
    const length = corner % 2 === 0 ? reach : reach * 0.45;
    context.lineTo(at.x + length * Math.cos(angle), at.y + length * Math.sin(angle));
  }
  context.closePath();
}

/** One small cross per rejected expansion, on the side of the parent away from its children. */
function drawRejected({ context, scene, camera, radius, palette }: Picture, seen: readonly number[]): void {
  if (camera.row < 5) return;
  const size = shrink(camera);
  const arm = Math.max(1.5, 3 * size);
  context.beginPath();
  for (const node of seen) {
    const rejected = Math.min(8, scene.model.nodes[node]!.rejected.length);
    const at = position(scene, camera, node);
    for (let one = 0; one < rejected; one++) {
      const angle = (scene.direction === "across" ? Math.PI : -Math.PI / 2) + (one - (rejected - 1) / 2) * 0.5;
      const length = radius[node]! * size + 8;
      const [x, y] = [at.x + length * Math.cos(angle), at.y + length * Math.sin(angle)];
      context.moveTo(x - arm, y - arm);
      context.lineTo(x + arm, y + arm);
      context.moveTo(x + arm, y - arm);
      context.lineTo(x - arm, y + arm);
    }
  }
  context.strokeStyle = palette.rejected;
  context.lineWidth = 1.6;
  context.stroke();
}

function drawLabels({ context, scene, camera, radius, palette, opacity }: Picture, seen: readonly number[]): void {
  if (camera.row < LABEL_ROW[scene.direction]) return;
  const isAcross = scene.direction === "across";
  const size = shrink(camera);
  const room = isAcross ? Math.floor((camera.generation - 100) / 6.4) : 0;
  context.font = LABEL_FONT;
  context.textBaseline = isAcross ? "middle" : "top";
  context.textAlign = isAcross ? "left" : "center";
  context.lineJoin = "round";
  context.strokeStyle = palette.surface;
  context.lineWidth = 3;
  for (const node of seen) {
    if (scene.collapsed.has(node) || opacity(node) < 1) continue;
    const at = position(scene, camera, node);
    const one = scene.model.nodes[node]!;
    const reach = radius[node]! * size;
    const isMarked = node === scene.model.document.best;
    const lift = one.children.length > 0 && camera.row >= LIFTED_ROW ? 9 : 0;
    const x = isAcross ? at.x + reach + (isMarked ? 9 : 6) : at.x;
    const y = isAcross ? at.y - lift : at.y + reach + (isMarked ? 8 : 5);
    const text = evaluations(one) === 0 ? String(node) : `${node} · ${percent(score(one))}`;
    const hint = room > 8 && one.children.length === 0 ? cut(oneLine(one.brief), room) : "";
    context.strokeText(text, x, y);
    context.fillStyle = palette.ink;
    context.fillText(text, x, y);
    if (hint === "") continue;
    context.fillStyle = palette.muted;
    context.fillText(hint, x + context.measureText(text).width + 8, y);
  }
}

/** Draws what changes from frame to frame: the selection, the pointer's node and the pulse of running jobs (0 to 1). */
export function drawOverlay(picture: Picture, selected: number | null, hovered: number | null, pulse: number): void {
  const { context, scene, camera, radius, palette } = picture;
  const size = shrink(camera);
  for (const node of scene.running) {
    const at = position(scene, camera, node);
    context.globalAlpha = 0.8 - 0.6 * pulse;
    ring(context, at, radius[node]! * size + 3 + 7 * pulse, palette.accent, 2);
    context.globalAlpha = 1;
  }
  if (hovered !== null) ring(context, position(scene, camera, hovered), radius[hovered]! * size + 3, palette.ink, 1.5);
  if (selected === null) return;
  const at = position(scene, camera, selected);
  const reach = Math.max(5, radius[selected]! * size + 5);
  ring(context, at, reach, palette.surface, 6);
  ring(context, at, reach, palette.ink, 3);
}

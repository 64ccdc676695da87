/** A tree on a canvas that is dragged and zoomed: what it shows is redrawn when it changes, and moved while it is dragged. */

import { type Camera, ACROSS, DOWN, type Size, fitted, zoomed } from "./camera";
import { type Picture, drawOverlay, drawScene, nodeAt, nodesInSight } from "./draw";
import { type Palette, palette } from "./palette";
import { type Point, type Scene, position, radii, sides } from "./scene";

/** How far beyond the picture's edges its still part is drawn, in pixels: so far it can be moved without drawing. */
const SPARE = 240;
const FADE = 700;
const PULSE = 1800;
const DOUBLE_CLICK = 260;
const LABEL_ROOM = 90;

export interface Events {
  /** A node was clicked: at once. */
  pick: (node: number) => void;
  /** It was clicked once only: as soon as that is sure. */
  open: (node: number) => void;
  toggle: (node: number) => void;
  hover: (node: number | null, at: Point) => void;
}

export class TreePicture {
  private readonly context: CanvasRenderingContext2D;
  private readonly still: CanvasRenderingContext2D;
  private scene: Scene | null = null;
  private radius: Float32Array = new Float32Array();
  private camera: Camera | null = null;
  private drawn: Camera | null = null;
  private size: Size = { width: 0, height: 0 };
  private ratio = 1;
  private colours: Palette;
  private frame = 0;
  private selected: number | null = null;
  private hovered: number | null = null;
  private readonly born = new Map<number, number>();
  private readonly pointers = new Map<number, Point>();
  private readonly observer: ResizeObserver;
  private moved = 0;
  /** The camera is still the one that shows everything. */
  private isFitted = true;
  private opening: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly events: Events,
  ) {
    this.context = context(canvas);
    this.still = context(document.createElement("canvas"));
    this.colours = palette(canvas);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(canvas);
    canvas.addEventListener("contextrestored", () => this.invalidate());
    this.still.canvas.addEventListener("contextrestored", () => this.invalidate());
    canvas.addEventListener("wheel", this.onWheel, { passive: false });
    canvas.addEventListener("pointerdown", this.onDown);
    canvas.addEventListener("pointermove", this.onMove);
    canvas.addEventListener("pointerup", this.onUp);
    canvas.addEventListener("pointercancel", this.onUp);
    canvas.addEventListener("pointerleave", this.onLeave);
    canvas.addEventListener("dblclick", this.onDouble);
  }

  /** Shows a scene. The camera stays, unless the scene lies in another direction or is the first. */
  show(scene: Scene): void {
    const before = this.scene;
    this.scene = scene;
    if (before?.model !== scene.model) this.radius = radii(scene.model);
    if (before !== null && before.model !== scene.model && before.model.document.run === scene.model.document.run) {
      const now = performance.now();
      for (let node = before.model.nodes.length; node < scene.model.nodes.length; node++) this.born.set(node, now);
    }
    if (before !== null && this.camera !== null && before.direction === scene.direction) this.keepInPlace(before, scene);
    if (before?.direction !== scene.direction) {
      this.camera = null;
      this.isFitted = true;
    }
    this.invalidate();
  }

  select(node: number | null): void {
    this.selected = node;
    this.request();
  }

  /** Reads the style sheet's colours again. */
  recolour(): void {
    this.colours = palette(this.canvas);
    this.invalidate();
  }

  fit(): void {
    this.camera = this.fitting();
    this.isFitted = true;
    this.invalidate();
  }

  /** Zooms about the middle. */
  zoom(factor: number): void {
    this.zoomAbout(factor, { x: this.size.width / 2, y: this.size.height / 2 });
  }

  /** Moves the picture just so far that the node is well inside it. */
  reveal(node: number): void {
    const { scene, camera } = this;
    if (scene === null || camera === null) return;
    const at = position(scene, camera, node);
    if (Number.isNaN(at.x) || Number.isNaN(at.y)) return;
    const edge = Math.min(80, this.size.width / 4, this.size.height / 4);
    const shift = (value: number, length: number) => Math.max(edge, Math.min(length - edge, value)) - value;
    this.pan(shift(at.x, this.size.width), shift(at.y, this.size.height));
  }

  /** A node's centre in pixels of the page's viewport. */
  position(node: number): Point {
    const box = this.canvas.getBoundingClientRect();
    if (this.scene === null || this.camera === null) return { x: NaN, y: NaN };
    const at = position(this.scene, this.camera, node);
    return { x: box.left + at.x, y: box.top + at.y };
  }

  /** How many nodes are in the picture. */
  visible(): number {
    return this.scene === null || this.camera === null ? 0 : nodesInSight(this.scene, this.camera, this.size).length;
  }

  destroy(): void {
    clearTimeout(this.opening);
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
  }

  /** What is in the middle stays there when the layout changes: the selected node, else the root. */
  private keepInPlace(before: Scene, after: Scene): void {
    const anchor = this.selected ?? 0;
    const shift = (before.layout.breadth[anchor] ?? NaN) - (after.layout.breadth[anchor] ?? NaN);
    if (this.camera !== null && !Number.isNaN(shift)) this.camera = { ...this.camera, breadthAt: this.camera.breadthAt + shift * this.camera.row };
  }

  private fitting(): Camera | null {
    if (this.scene === null || this.size.width === 0) return null;
    const { direction, layout } = this.scene;
    const { across, along } = sides(direction, this.size);
    const extent = { lowest: layout.lowest, highest: layout.highest, generations: layout.rows.length };
    return direction === "across" ? fitted(extent, across, along, ACROSS, LABEL_ROOM) : fitted(extent, across, along, DOWN, 0);
  }

  private pan(x: number, y: number): void {
    if (this.scene === null || this.camera === null || (x === 0 && y === 0)) return;
    const [along, across] = this.scene.direction === "across" ? [x, y] : [y, x];
    this.isFitted = false;
    this.unhover();
    this.camera = { ...this.camera, depthAt: this.camera.depthAt + along, breadthAt: this.camera.breadthAt + across };
    this.request();
  }

  private zoomAbout(factor: number, at: Point): void {
    const fit = this.fitting();
    if (this.scene === null || this.camera === null || fit === null) return;
    this.isFitted = false;
    this.unhover();
    const [depth, breadth] = this.scene.direction === "across" ? [at.x, at.y] : [at.y, at.x];
    this.camera = zoomed(this.camera, factor, breadth, depth, fit, this.scene.direction === "across" ? ACROSS : DOWN);
    this.request();
  }

  private invalidate(): void {
    this.drawn = null;
    this.request();
  }

  private request(): void {
    if (this.frame === 0) this.frame = requestAnimationFrame(this.paint);
  }

  private resize(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === 0 || height === 0) return;
    this.size = { width, height };
    this.ratio = devicePixelRatio;
    sizeTo(this.canvas, width * this.ratio, height * this.ratio);
    sizeTo(this.still.canvas, (width + 2 * SPARE) * this.ratio, (height + 2 * SPARE) * this.ratio);
    if (this.isFitted && this.selected === null) this.camera = null;
    if (this.selected !== null) this.reveal(this.selected);
    this.drawn = null;
    cancelAnimationFrame(this.frame);
    this.paint(performance.now());
  }

  private readonly paint = (now: number): void => {
    this.frame = 0;
    if (this.scene === null || this.size.width === 0) return;
    this.camera ??= this.fitting();
    if (this.camera === null) return;
    if (this.born.size > 0) this.drawn = null;
    if (!this.isInReach(this.camera)) this.drawStill(this.scene, this.camera, now);
    this.compose(this.scene, this.camera, now);
    if (this.born.size > 0 || (this.scene.running.size > 0 && !isMotionReduced())) this.request();
  };

  /** Whether the still part, moved, covers the picture. */
  private isInReach(camera: Camera): boolean {
    const { drawn } = this;
    if (drawn === null || drawn.row !== camera.row || drawn.generation !== camera.generation) return false;
    return Math.abs(drawn.depthAt - camera.depthAt) <= SPARE && Math.abs(drawn.breadthAt - camera.breadthAt) <= SPARE;
  }

  private drawStill(scene: Scene, camera: Camera, now: number): void {
    const size = { width: this.size.width + 2 * SPARE, height: this.size.height + 2 * SPARE };
    const shifted = { ...camera, depthAt: camera.depthAt + SPARE, breadthAt: camera.breadthAt + SPARE };
    this.still.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.still.clearRect(0, 0, size.width, size.height);
    drawScene({ ...this.picture(scene, shifted, now), context: this.still, size });
    this.drawn = camera;
  }

  private compose(scene: Scene, camera: Camera, now: number): void {
    const drawn = this.drawn ?? camera;
    const [along, across] = [camera.depthAt - drawn.depthAt, camera.breadthAt - drawn.breadthAt];
    const [x, y] = scene.direction === "across" ? [along, across] : [across, along];
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.context.drawImage(this.still.canvas, Math.round((x - SPARE) * this.ratio), Math.round((y - SPARE) * this.ratio));
    this.context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    const pulse = isMotionReduced() ? 0.3 : (now % PULSE) / PULSE;
    drawOverlay(this.picture(scene, camera, now), this.selected, this.hovered, pulse);
  }

  private picture(scene: Scene, camera: Camera, now: number): Picture {
    for (const [node, since] of this.born) if (now - since >= FADE) this.born.delete(node);
    return {
      context: this.context,
      scene,
      camera,
      size: this.size,
      radius: this.radius,
      palette: this.colours,
      opacity: (node) => (this.born.size === 0 ? 1 : Math.min(1, Math.max(0, (now - (this.born.get(node) ?? 0)) / FADE))),
    };
  }

  private readonly onWheel = (event: WheelEvent): void => {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1;
    this.zoomAbout(2 ** (-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), { x: event.offsetX, y: event.offsetY });
  };

  private readonly onDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    if (this.pointers.size === 1) this.moved = 0;
  };

  private readonly onMove = (event: PointerEvent): void => {
    const at = { x: event.offsetX, y: event.offsetY };
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) return this.hover(at);
    const others = [...this.pointers].filter(([pointer]) => pointer !== event.pointerId).map(([, point]) => point);
    const other = others[0];
    this.pointers.set(event.pointerId, at);
    this.moved += Math.hypot(at.x - before.x, at.y - before.y);
    if (other === undefined) return this.pan(at.x - before.x, at.y - before.y);
    this.zoomAbout(distance(at, other) / Math.max(1, distance(before, other)), { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 });
  };

  private readonly onUp = (event: PointerEvent): void => {
    if (!this.pointers.delete(event.pointerId) || event.type === "pointercancel" || this.moved > 4) return;
    const node = this.at({ x: event.offsetX, y: event.offsetY });
    if (node === null) return;
    this.events.pick(node);
    clearTimeout(this.opening);
    this.opening = setTimeout(() => this.events.open(node), DOUBLE_CLICK);
  };

  private readonly onDouble = (event: MouseEvent): void => {
    clearTimeout(this.opening);
    const node = this.at({ x: event.offsetX, y: event.offsetY });
    if (node === null) this.zoomAbout(2, { x: event.offsetX, y: event.offsetY });
    else this.events.toggle(node);
  };

  private readonly onLeave = (): void => this.unhover();

  /** Nothing is under the pointer any more, or something else after a move. */
  private unhover(): void {
    if (this.hovered === null) return;
    this.hovered = null;
    this.events.hover(null, { x: 0, y: 0 });
    this.request();
  }

  private hover(at: Point): void {
    const node = this.at(at);
    if (node === this.hovered) return;
    this.hovered = node;
    this.canvas.classList.toggle("over-node", node !== null);
    this.events.hover(node, at);
    this.request();
  }

  private at(point: Point): number | null {
    return this.scene === null || this.camera === null ? null : nodeAt(this.scene, this.camera, this.radius, point);
  }
}

function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const found = canvas.getContext("2d");
  if (found === null) throw new Error("This browser draws no canvas.");
  return found;
}

function sizeTo(canvas: HTMLCanvasElement, width: number, height: number): void {
  canvas.width = Math.round(width);
  canvas.height = Math.round(height);
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function isMotionReduced(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

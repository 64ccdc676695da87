import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Run } from "../app/run";
import type { State } from "../app/state";
import { CELL_NAMES, sorted } from "../model/matrix";
import { score } from "../model/model";
import { cut, oneLine } from "../text/escape";
import { palette } from "../tree/palette";
import { MatrixBar } from "./MatrixBar";
import { type Grid, HEADS, LABELS, cellAt, cellOf, drawMatrix } from "./draw";

export type RowOrder = "rate" | "name";
export type ColumnOrder = "id" | "score";

const LARGEST = { width: 40, height: 22 };

interface Props {
  state: State;
  run: Run;
}

/** Every agent's result on every task. */
export function MatrixView({ state, run }: Props) {
  const model = run.model.value;
  const [rowOrder, setRowOrder] = useState<RowOrder>("rate");
  const [columnOrder, setColumnOrder] = useState<ColumnOrder>("id");
  const [zoom, setZoom] = useState(1);
  const [scroll, setScroll] = useState({ left: 0, top: 0 });
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [at, setAt] = useState<{ x: number; y: number } | null>(null);
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);

  const matrix = model.matrix();
  const rows = useMemo(() => {
    const names = model.document.tasks;
    if (rowOrder === "rate") return sorted(matrix.rates, true);
    return Int32Array.from(names.keys()).sort((a, b) => (names[a]! < names[b]! ? -1 : names[a] === names[b] ? a - b : 1));
  }, [model, rowOrder]);
  const columns = useMemo(
    () => (columnOrder === "id" ? Int32Array.from(model.nodes.keys()) : sorted(model.nodes.map((node) => score(node) ?? NaN), true)),
    [model, columnOrder],
  );
  const taskNames = useMemo(() => model.document.tasks.map((name) => cut(oneLine(name), 60)), [model]);
  const grid: Grid = {
    matrix,
    rows,
    columns,
    cellWidth: Math.max(1, Math.min(LARGEST.width, zoom * fitting(size.width - LABELS, columns.length, 1))),
    cellHeight: Math.max(3, Math.min(LARGEST.height, zoom * fitting(size.height - HEADS, rows.length, 6))),
    ...scroll,
    taskNames,
  };

  useEffect(() => {
    if (box.current === null) return;
    const observer = new ResizeObserver(() => setSize({ width: box.current?.clientWidth ?? 0, height: box.current?.clientHeight ?? 0 }));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const colours = state.colours.value;
  const selected = run.selected.value;
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || size.width === 0) return;
    const frame = requestAnimationFrame(() => {
      context.canvas.width = Math.round(size.width * devicePixelRatio);
      context.canvas.height = Math.round(size.height * devicePixelRatio);
      drawMatrix(context, grid, palette(context.canvas), selected);
    });
    return () => cancelAnimationFrame(frame);
  }, [matrix, rows, columns, grid.cellWidth, grid.cellHeight, scroll, size, colours, selected]);

  const found = at === null ? null : cellAt(grid, at.x, at.y);
  const zoomBy = (factor: number) => setZoom(Math.min(64, Math.max(1, zoom * factor)));
  return (
    <div class="matrix">
      <MatrixBar
        rowOrder={rowOrder}
        columnOrder={columnOrder}
        chooseRows={setRowOrder}
        chooseColumns={setColumnOrder}
        zoom={zoomBy}
        readout={found === null ? "" : readout(run, grid, found.row, found.column)}
      />
      <div
        ref={box}
        class="matrix-box"
        tabIndex={0}
        role="region"
        aria-label={`Results of ${columns.length} agents on ${rows.length} tasks; each agent's panel lists them in words.`}
        onScroll={(event) => setScroll({ left: event.currentTarget.scrollLeft, top: event.currentTarget.scrollTop })}
        onWheel={(event) => {
          if (!event.ctrlKey) return;
          event.preventDefault();
          zoomBy(2 ** (-event.deltaY * 0.003));
        }}
      >
        <div
          class="matrix-extent"
          style={{ width: `${LABELS + columns.length * grid.cellWidth + 8}px`, height: `${HEADS + rows.length * grid.cellHeight + 8}px` }}
        >
          <canvas
            ref={canvas}
            style={{ width: `${size.width}px`, height: `${size.height}px` }}
            onPointerMove={(event) => setAt({ x: event.offsetX, y: event.offsetY })}
            onPointerLeave={() => setAt(null)}
            onClick={(event) => {
              const cell = cellAt(grid, event.offsetX, event.offsetY);
              const node = cell === null ? undefined : columns[cell.column];
              if (node !== undefined) run.open(node);
            }}
          />
        </div>
      </div>
    </div>
  );
}

/** The largest size at which all fit, up to a comfortable one. */
function fitting(length: number, count: number, least: number): number {
  return Math.max(least, Math.min(22, (length - 8) / Math.max(1, count)));
}

function readout(run: Run, grid: Grid, row: number, column: number): string {
  const [task, node] = [grid.rows[row] ?? 0, grid.columns[column] ?? 0];
  return `Agent ${node} on ${grid.taskNames[task]}: ${CELL_NAMES[cellOf(grid, task, node)]}${node === run.model.value.document.best ? " (best agent)" : ""}`;
}

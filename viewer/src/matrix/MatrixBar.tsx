import { CELL_NAMES } from "../model/matrix";
import type { ColumnOrder, RowOrder } from "./MatrixView";
import { GLYPHS } from "./draw";

const CLASSES = ["untried", "passed", "failed", "mixed", "unmeasured"] as const;

interface Props {
  rowOrder: RowOrder;
  columnOrder: ColumnOrder;
  chooseRows: (order: RowOrder) => void;
  chooseColumns: (order: ColumnOrder) => void;
  zoom: (factor: number) => void;
  readout: string;
}

/** Orders, zoom and legend of a matrix, and what is under the pointer. */
export function MatrixBar({ rowOrder, columnOrder, chooseRows, chooseColumns, zoom, readout }: Props) {
  return (
    <>
      <div class="toolbar" role="toolbar" aria-label="Matrix">
        <label>
          Tasks by{" "}
          <select value={rowOrder} onChange={(event) => chooseRows(event.currentTarget.value as RowOrder)}>
            <option value="rate">pass rate</option>
            <option value="name">name</option>
          </select>
        </label>
        <label>
          Agents by{" "}
          <select value={columnOrder} onChange={(event) => chooseColumns(event.currentTarget.value as ColumnOrder)}>
            <option value="id">number</option>
            <option value="score">score</option>
          </select>
        </label>
        <span class="group">
          <button type="button" aria-label="Zoom out" onClick={() => zoom(1 / 1.5)}>
            −
          </button>
          <button type="button" aria-label="Zoom in" onClick={() => zoom(1.5)}>
            +
          </button>
        </span>
        <ul class="cells">
          {CELL_NAMES.map((name, at) => (
            <li>
              <span class={`cell ${CLASSES[at]}`} aria-hidden="true">
                {GLYPHS[name]}
              </span>{" "}
              {name}
            </li>
          ))}
        </ul>
      </div>
      <p class="matrix-readout">{readout || "Point at a cell to read it; click to open its agent."}</p>
    </>
  );
}

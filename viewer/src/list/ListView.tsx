import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Run } from "../app/run";
import { FIELDS, sortedBy } from "./fields";

const ROW = 30;
const SPARE = 8;
const PAGE = 15;

/** All nodes as a table that is sorted by any column; only the rows in sight are on the page. */
export function ListView({ run }: { run: Run }) {
  const model = run.model.value;
  const [sort, setSort] = useState({ field: 0, isDescending: false });
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const box = useRef<HTMLDivElement>(null);
  const order = useMemo(() => sortedBy(model, FIELDS[sort.field]!, sort.isDescending), [model, sort]);
  const selected = run.selected.value;
  useEffect(() => {
    if (box.current === null) return;
    const observer = new ResizeObserver(([entry]) => setHeight(entry?.contentRect.height ?? 600));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (selected !== null && box.current !== null) reveal(box.current, order.indexOf(selected));
  }, [selected, order]);

  const first = Math.max(0, Math.floor(top / ROW) - SPARE);
  const last = Math.min(order.length, Math.ceil((top + height) / ROW) + SPARE);
  const columns = FIELDS.map((field) => field.width).join(" ");
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Enter" && selected !== null && event.target === box.current) run.open(selected);
    const next = nextRow(event.key, selected === null ? -1 : order.indexOf(selected), order.length);
    if (next === null) return;
    event.preventDefault();
    const node = order[next];
    if (node !== undefined) run.select(node);
  };
  return (
    <div
      ref={box}
      class="list"
      role="grid"
      tabIndex={0}
      aria-label="All agents"
      aria-rowcount={order.length + 1}
      aria-colcount={FIELDS.length}
      aria-activedescendant={selected === null ? undefined : rowId(run, selected)}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      onKeyDown={onKey}
    >
      <div class="list-row head" role="row" aria-rowindex={1} style={{ gridTemplateColumns: columns }}>
        {FIELDS.map((field, at) => (
          <Head
            name={field.name}
            isNumber={field.isNumber}
            way={sort.field !== at ? "none" : sort.isDescending ? "descending" : "ascending"}
            choose={() => setSort({ field: at, isDescending: sort.field === at ? !sort.isDescending : field.isNumber && at > 1 })}
          />
        ))}
      </div>
      <div class="list-body" role="rowgroup" style={{ height: `${order.length * ROW}px` }}>
        {order.slice(first, last).map((id, at) => {
          const node = model.nodes[id]!;
          return (
            <div
              key={id}
              id={rowId(run, id)}
              class={id === selected ? "list-row selected" : "list-row"}
              role="row"
              aria-rowindex={first + at + 2}
              aria-selected={id === selected}
              style={{ top: `${(first + at) * ROW}px`, gridTemplateColumns: columns }}
              onClick={() => run.open(id)}
            >
              {FIELDS.map((field) => (
                <span role="gridcell" class={field.isNumber ? "num" : ""}>
                  {field.words(node, model)}
                </span>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}

interface HeadProps {
  name: string;
  isNumber: boolean;
  way: "none" | "ascending" | "descending";
  choose: () => void;
}

function Head({ name, isNumber, way, choose }: HeadProps) {
  return (
    <span role="columnheader" class={isNumber ? "num" : ""} aria-sort={way}>
      <button type="button" class="link" onClick={choose}>
        {name}
        {{ none: "", ascending: " ↑", descending: " ↓" }[way]}
      </button>
    </span>
  );
}

/** The row to which a key leads; null if it is none of these keys. */
function nextRow(key: string, at: number, rows: number): number | null {
  const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE, Home: -rows, End: rows };
  const step = steps[key];
  return step === undefined ? null : Math.max(0, Math.min(rows - 1, at + step));
}

function reveal(box: HTMLElement, row: number): void {
  const [low, high] = [row * ROW, (row + 2) * ROW];
  if (row < 0) return;
  if (low < box.scrollTop) box.scrollTop = low;
  else if (high > box.scrollTop + box.clientHeight) box.scrollTop = high - box.clientHeight;
}

function rowId(run: Run, node: number): string {
  return `row-${encodeURIComponent(run.name)}-${node}`;
}

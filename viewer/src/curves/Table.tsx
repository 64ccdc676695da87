import { useState } from "preact/hooks";

const MOST = 40;

interface Props<Row> {
  caption: string;
  heads: readonly string[];
  rows: readonly Row[];
  cells: (row: Row) => readonly string[];
}

/** A chart's values as a table, at most about 40 of them evenly chosen; made only when it is opened. */
export function Table<Row>({ caption, heads, rows, cells }: Props<Row>) {
  const [isOpen, setOpen] = useState(false);
  const stride = Math.ceil(rows.length / MOST);
  const shown = rows.filter((_, at) => (rows.length - 1 - at) % stride === 0);
  return (
    <details class="values" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>As a table</summary>
      {isOpen && (
        <table>
          <caption class="visually-hidden">{caption}</caption>
          <thead>
            <tr>
              {heads.map((head) => (
                <th scope="col">{head}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr>
                {cells(row).map((cell) => (
                  <td>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}

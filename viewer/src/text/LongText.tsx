import { useState } from "preact/hooks";
import { visible } from "./escape";
import { integer } from "./format";

const FIRST = 20_000;
const STEP = 200_000;

interface Props {
  text: string;
  /** How many characters are shown at first. */
  first?: number;
}

/** A text of any length and content: as much as a page can bear, and buttons for the rest. */
export function LongText({ text, first = FIRST }: Props) {
  const [length, setLength] = useState(first);
  const left = text.length - length;
  if (left <= 0) return <pre class="text">{visible(text)}</pre>;
  return (
    <>
      <pre class="text">{visible(text.slice(0, length))}</pre>
      <p class="more">
        {integer(left)} more characters.{" "}
        <button type="button" onClick={() => setLength(length + STEP)}>
          {left > STEP ? `Show ${integer(STEP)} more` : "Show all"}
        </button>
      </p>
    </>
  );
}

import { useMemo } from "preact/hooks";
import { LongText } from "./LongText";
import { Tokens } from "./Tokens";
import { tokens } from "./highlight";

const LONGEST = 20_000;

/** Code with syntax colours; plain text where it is too long for them. */
export function Code({ text, language }: { text: string; language: string | null }) {
  const lines = useMemo(() => (text.length > LONGEST ? [] : tokens(text, language)), [text, language]);
  if (text.length > LONGEST) return <LongText text={text} />;
  return (
    <pre class="text code">
      {lines.map((line, at) => (
        <>
          {at > 0 && "\n"}
          <Tokens line={line} />
        </>
      ))}
    </pre>
  );
}

import { useMemo } from "preact/hooks";
import type { Node } from "../document";
import { parseDiff } from "../model/diff";
import type { Source } from "../source";
import { visible } from "../text/escape";
import { DiffFile } from "./DiffFile";
import { useLoaded } from "./useLoaded";

interface Props {
  source: Source;
  run: string;
  node: Node;
}

/** What a node changed in its parent's code. */
export function DiffSection({ source, run, node }: Props) {
  return (
    <section data-testid="diff">
      <h3>Changes against {node.parent === null ? "its parent" : `agent ${node.parent}`}</h3>
      {node.parent === null ? <p class="dim">The seed agent has no parent.</p> : <Loaded source={source} run={run} node={node} />}
    </section>
  );
}

function Loaded({ source, run, node }: Props) {
  const found = useLoaded(() => source.diff(run, node.id), [source, run, node.id]);
  if (found.state === "loading") return <p class="dim">Reading…</p>;
  if (found.state === "failed") return <p class="problem">{visible(found.why)}</p>;
  if (found.value === null) return <p class="dim">{source.missing}</p>;
  return <Files key={node.id} text={found.value} />;
}

const OPEN_FILES = 6;
const OPEN_LINES = 400;

function Files({ text }: { text: string }) {
  const files = useMemo(() => parseDiff(text), [text]);
  if (files.length === 0) return <p class="dim">Nothing was changed.</p>;
  return (
    <>
      {files.map((file, at) => (
        <DiffFile file={file} isOpen={at < OPEN_FILES && file.added + file.removed <= OPEN_LINES} />
      ))}
    </>
  );
}

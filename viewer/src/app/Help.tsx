import { useEffect, useRef } from "preact/hooks";
import { KEYS } from "./keys";
import type { State } from "./state";

/** What a newcomer needs to know, and all keys. */
export function Help({ state }: { state: State }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const close = () => (state.isHelpOpen.value = false);
  return (
    <dialog ref={dialog} class="help" aria-label="Help" onClose={close} onClick={(event) => event.target === dialog.current && close()}>
      <div class="help-body">
        <button type="button" class="close" aria-label="Close" onClick={close}>
          ×
        </button>
        <h2>What you see</h2>
        <p>
          Every dot is an <b>agent</b>: a program that solves tasks with a language model. An agent was made from its parent, which
          rewrote its own code. Agents are tested on tasks with checkable answers: each result is <b>passed</b>, <b>failed</b> (with a
          cause) or <b>unmeasured</b>, when the machine and not the agent was in trouble.
        </p>
        <p>
          <b>Score</b>: the share of tasks an agent passed itself, with a 95 % interval: the fewer tasks, the wider. <b>CMP</b>: the
          same share over an agent and all its descendants, its <i>clade</i>; promising clades are expanded first. <b>★ best agent</b>
          : the one whose score is surest to be high; the run hands it over.
        </p>
        <h2>Keys</h2>
        <dl class="keys">
          {KEYS.map(([key, meaning]) => (
            <div>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
        <p>Drag to move, turn the wheel to zoom, click an agent to open it, double-click it to collapse its clade.</p>
      </div>
    </dialog>
  );
}

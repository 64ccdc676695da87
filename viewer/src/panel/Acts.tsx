import type { Act } from "../document";
import { oneLine, visible } from "../text/escape";
import { count, integer } from "../text/format";

const PICTURE = /^data:image\/png;base64,[A-Za-z0-9+/=]*$/;

interface Props {
  acts: Act[];
  omitted: number;
}

/** What an agent did on its page, one line each, with the pictures that it asked for. */
export function Acts({ acts, omitted }: Props) {
  const gap = omitted > 0 ? Math.ceil(acts.length / 4) : -1;
  return (
    <section class="acts" data-testid="acts">
      <h4>On its page</h4>
      <ol>
        {acts.map((act, at) => (
          <>
            {at === gap && <li class="omitted">{count(omitted, "exchange")} left out</li>}
            <Item act={act} />
          </>
        ))}
      </ol>
    </section>
  );
}

function Item({ act }: { act: Act }) {
  return (
    <li class="act">
      <div>
        <span class="dim">{act.step === null ? "–" : integer(act.step)}</span> <code>{oneLine(act.action)}</code>
        {act.done && <span class="dim"> the page is done</span>}
      </div>
      {act.error !== "" && <div class="problem">{visible(act.error)}</div>}
      {act.picture !== null && PICTURE.test(act.picture) && <img src={act.picture} alt={`The page, as seen at step ${act.step ?? "–"}`} />}
    </li>
  );
}

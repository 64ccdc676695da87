import { type State, TABS, type Tab } from "./state";
import { nextTheme, setTheme, theme } from "./theme";

const NAMES: Record<Tab, string> = { tree: "Tree", curves: "Curves", matrix: "Matrix", list: "List", log: "Log" };

/** Tabs, and what concerns all runs. */
export function TopBar({ state }: { state: State }) {
  return (
    <header class="top-bar">
      <span class="brand" aria-hidden="true">
        hgm
      </span>
      <Tabs state={state} />
      <span class="spacer" />
      {state.source.isLive && <Connection isConnected={state.isConnected.value} />}
      {state.runs.value.length > 1 && (
        <button type="button" aria-pressed={state.shown.value.length > 1} onClick={() => state.toggleSideBySide()}>
          Side by side
        </button>
      )}
      <button type="button" data-testid="theme" title="Colours: automatic, light or dark" onClick={() => setTheme(nextTheme())}>
        {{ auto: "◐ Auto", light: "○ Light", dark: "● Dark" }[theme.value]}
      </button>
      <button type="button" data-testid="help" aria-label="Help" title="Help (?)" onClick={() => (state.isHelpOpen.value = true)}>
        ?
      </button>
    </header>
  );
}

function Tabs({ state }: { state: State }) {
  const tabs = state.tabs.value;
  const go = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const next = tabs[(tabs.indexOf(state.tab.value) + step + tabs.length) % tabs.length] ?? "tree";
    state.tab.value = next;
    document.getElementById(`tab-${next}`)?.focus();
    event.preventDefault();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Views" onKeyDown={go}>
      {tabs.map((tab) => (
        <button
          type="button"
          role="tab"
          id={`tab-${tab}`}
          data-testid={`tab-${tab}`}
          title={`${NAMES[tab]} (${TABS.indexOf(tab) + 1})`}
          aria-selected={state.tab.value === tab}
          tabIndex={state.tab.value === tab ? 0 : -1}
          onClick={() => (state.tab.value = tab)}
        >
          {NAMES[tab]}
        </button>
      ))}
    </div>
  );
}

function Connection({ isConnected }: { isConnected: boolean }) {
  return (
    <span class={isConnected ? "connection" : "connection lost"} data-testid="connection" role="status">
      {isConnected ? "live" : "not connected"}
    </span>
  );
}

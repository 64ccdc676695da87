/** Starts the viewer on whatever page holds it. */

import "./style.css";
import { render } from "preact";
import { App } from "./app/App";
import { onKey } from "./app/keys";
import { follow } from "./app/live";
import { State } from "./app/state";
import { exposeHook } from "./app/hook";
import { setTheme, theme, watchSystemTheme } from "./app/theme";
import { EmbeddedSource } from "./embedded";
import { ServerSource } from "./server";
import type { Source } from "./source";

const isServed = document.querySelector('meta[name="hgm-server"]') !== null;
const source: Source = isServed ? new ServerSource((is) => (state.isConnected.value = is)) : new EmbeddedSource();
const state = new State(source);
const root = document.getElementById("app");
if (root === null) throw new Error("The page has no place for the viewer.");

setTheme(theme.value);
watchSystemTheme(() => state.colours.value++);
addEventListener("keydown", (event) => onKey(state, event));
render(<App state={state} />, root);
exposeHook(state, follow(state));

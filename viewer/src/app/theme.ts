/** Light, dark, or what the system says. */

import { signal } from "@preact/signals";

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const KEY = "hgm-theme";
const isSystemDark = matchMedia("(prefers-color-scheme: dark)");

export const theme = signal<Theme>(remembered());

/** Puts the theme in force and remembers it where the browser allows that. */
export function setTheme(next: Theme): void {
  theme.value = next;
  apply();
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // a page opened from a file may have no storage: the theme then lasts as long as the page
  }
}

/** Light -> dark -> auto -> light. */
export function nextTheme(): Theme {
  return THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "auto";
}

/** Follows the system's own choice, and calls back whenever it changes. */
export function watchSystemTheme(changed: () => void): void {
  isSystemDark.addEventListener("change", () => {
    apply();
    changed();
  });
}

/** The style sheet knows two sets of colours; which is in force is said here alone. */
function apply(): void {
  const isDark = theme.value === "auto" ? isSystemDark.matches : theme.value === "dark";
  document.documentElement.dataset["theme"] = isDark ? "dark" : "light";
}

function remembered(): Theme {
  try {
    return THEMES.find((known) => known === localStorage.getItem(KEY)) ?? "auto";
  } catch {
    return "auto";
  }
}

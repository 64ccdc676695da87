/** The style sheet's colours, for canvases. */

export interface Palette {
  ink: string;
  muted: string;
  surface: string;
  edge: string;
  accent: string;
  match: string;
  rejected: string;
  passed: string;
  failed: string;
  mixed: string;
  unmeasured: string;
  untried: string;
  glyph: string;
}

/** The colours in force at the element. */
export function palette(element: Element): Palette {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: colour("ink"),
    muted: colour("muted"),
    surface: colour("surface"),
    edge: colour("edge"),
    accent: colour("accent"),
    match: colour("match"),
    rejected: colour("bad"),
    passed: colour("passed"),
    failed: colour("failed"),
    mixed: colour("mixed"),
    unmeasured: colour("unmeasured"),
    untried: colour("untried"),
    glyph: colour("glyph"),
  };
}

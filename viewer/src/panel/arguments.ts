const LONGEST = 200_000;

/** A call's arguments, indented where they are JSON, otherwise as they are. */
export function prettyArguments(given: string): { text: string; isJson: boolean } {
  if (given.length > LONGEST) return { text: given, isJson: false };
  try {
    return { text: JSON.stringify(JSON.parse(given), null, 2), isJson: true };
  } catch {
    return { text: given, isJson: false };
  }
}

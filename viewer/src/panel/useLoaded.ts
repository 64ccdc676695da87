import { useEffect, useState } from "preact/hooks";
import { reason } from "../text/reason";

export type Loaded<T> = { state: "loading" } | { state: "failed"; why: string } | { state: "done"; value: T };

/** What a promise came to; asked again whenever `keys` change, and answers to older questions are dropped. */
export function useLoaded<T>(load: () => Promise<T>, keys: readonly unknown[]): Loaded<T> {
  const [found, setFound] = useState<Loaded<T>>({ state: "loading" });
  useEffect(() => {
    let isCurrent = true;
    setFound({ state: "loading" });
    load().then(
      (value) => isCurrent && setFound({ state: "done", value }),
      (error: unknown) => isCurrent && setFound({ state: "failed", why: reason(error) }),
    );
    return () => {
      isCurrent = false;
    };
  }, keys);
  return found;
}

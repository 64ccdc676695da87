/** Numbers as people read them. */

const DASH = "–";

/** 0.6349 -> "63 %". */
export function percent(share: number | null): string {
  return share === null || Number.isNaN(share) ? DASH : `${Math.round(share * 100)}\u202f%`;
}

/** 0.25, 0.75 -> "25–75 %". */
export function interval([low, high]: readonly [number, number]): string {
  return `${Math.round(low * 100)}–${Math.round(high * 100)}\u202f%`;
}

/** 12345 -> "12,345". */
export function integer(value: number): string {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** 12345 -> "12.3 k". */
export function compact(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${significant(value / 1e9)}\u202fG`;
  if (size >= 1e6) return `${significant(value / 1e6)}\u202fM`;
  if (size >= 1e4) return `${significant(value / 1e3)}\u202fk`;
  return size >= 100 || Number.isInteger(value) ? integer(value) : significant(value);
}

/** 3725 -> "1 h 2 min". */
export function duration(seconds: number): string {
  if (seconds < 10) return `${significant(seconds)}\u202fs`;
  if (seconds < 60) return `${Math.round(seconds)}\u202fs`;
  if (seconds < 3600) return pair(seconds, 60, "min", 1, "s");
  return seconds < 86400 ? pair(seconds, 3600, "h", 60, "min") : pair(seconds, 86400, "d", 3600, "h");
}

/** Unix seconds -> "2026-03-09 14:05:07", where the reader is. */
export function clock(at: number): string {
  const date = new Date(at * 1000);
  const two = (part: number) => String(part).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}

/** null -> "price unknown"; small amounts keep two significant digits. */
export function money(usd: number | null): string {
  if (usd === null || Number.isNaN(usd)) return "price unknown";
  if (usd >= 1000) return `$${integer(usd)}`;
  if (usd === 0 || usd >= 0.995) return `$${usd.toFixed(2)}`;
  return `$${usd.toPrecision(2)}`;
}

/** A quantity in one of a budget's units, e.g. "40 evaluations". */
export function quantity(value: number, unit: string): string {
  if (unit === "usd") return money(value);
  if (unit === "seconds") return duration(value);
  return `${compact(value)} ${unit}`;
}

/** 1, "task" -> "1 task"; 2, "task" -> "2 tasks". */
export function count(value: number, noun: string): string {
  return `${integer(value)} ${value === 1 ? noun : noun.endsWith("s") ? `${noun}es` : `${noun}s`}`;
}

function significant(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function pair(seconds: number, large: number, largeName: string, small: number, smallName: string): string {
  const whole = Math.floor(seconds / large);
  const rest = Math.floor((seconds - whole * large) / small);
  return rest === 0 ? `${whole}\u202f${largeName}` : `${whole}\u202f${largeName} ${rest}\u202f${smallName}`;
}

/** Which rows of the fleet the list shows, and in which order. */
import type { Fleet, State } from "./store.ts";

/** The rows by name, as people order names: truck 9 before truck 10. */
export function ordered(fleet: Fleet, tag: string): Int32Array {
  const collator = new Intl.Collator(tag, { numeric: true, sensitivity: "base" });
  const rows = Array.from({ length: fleet.size }, (_, r) => r);
  rows.sort((a, b) => collator.compare(fleet.label(a), fleet.label(b)) || a - b);
  return Int32Array.from(rows);
}

/** The rows of order whose name or id has every word of the query, and whose state is the wanted one (null: any). */
export function filtered(fleet: Fleet, order: Int32Array, query: string, state: State | null): Int32Array {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0 && state === null) return order;
  const out = new Int32Array(order.length);
  let n = 0;
  for (const r of order) {
    if (state !== null && fleet.state[r] !== state) continue;
    const needle = fleet.needle[r]!;
    if (words.every((w) => needle.includes(w))) out[n++] = r;
  }
  return out.subarray(0, n);
}

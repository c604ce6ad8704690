/** The event feed: what the ledger of visits told, newest first, each event once and in its newest revision. */
import type { FenceEvent } from "./wire.ts";

/** How many events the feed keeps; older ones are in GET /api/v1/events. */
export const MAX_EVENTS = 500;

export class Feed {
  /** Newest time first. */
  events: FenceEvent[] = [];
  /** What to resume after; "" before the first event. */
  cursor = "";
  revision = 0;
  /** How many new ones came over the live stream; a correction is not a new one. */
  arrived = 0;
  /** Ids that came over the live stream since the page opened, for those that are shown as new. */
  readonly fresh = new Set<string>();

  /** Takes an event. False when it was known already, in this revision or a later one. */
  add(e: FenceEvent, live: boolean): boolean {
    if (e.cursor !== "") this.cursor = later(this.cursor, e.cursor);
    const i = this.events.findIndex((x) => x.id === e.id);
    const known = i >= 0 ? this.events[i]! : undefined;
    if (known && known.revision >= e.revision) return false;
    if (known) this.events.splice(i, 1);
    const at = this.events.findIndex((x) => x.time <= e.time);
    this.events.splice(at < 0 ? this.events.length : at, 0, e);
    for (const old of this.events.splice(MAX_EVENTS)) this.fresh.delete(old.id);
    if (live) {
      this.fresh.add(e.id);
      if (!known) this.arrived++;
    }
    this.revision++;
    return true;
  }
}

/** Cursors are decimal and grow; anything else is taken as told. */
function later(a: string, b: string): string {
  if (/^\d+$/.test(a) && /^\d+$/.test(b)) return BigInt(b) > BigInt(a) ? b : a;
  return b;
}

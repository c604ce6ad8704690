/** The list of all units: asked for again and again, put in order, searched. The stream tells only of what is in view. */
import { units } from "./api.ts";
import { filtered, ordered } from "./search.ts";
import type { Fleet, State, UnitEntry } from "./store.ts";

const SMALL = 2000;
const LARGE = 10_000;

/** How often a list of so many units is asked for: a small one nearly as often as the stream tells, a large one is megabytes. */
export function listPeriod(size: number): number {
  return size < SMALL ? 2000 : size <= LARGE ? 15_000 : 60_000;
}

/** What a UnitList needs of the page around it. */
export interface ListHost {
  readonly fleet: Fleet;
  /** By whose rules names are put in order. */
  readonly tag: string;
  now(): number;
  changed(): void;
  /** The list came, or did not. */
  listed(): void;
}

export class UnitList {
  loaded = false;
  /** Why the list could not be loaded the first time; "" when it could. */
  failure = "";
  query = "";
  state: State | null = null;
  private askedAt = -Infinity;
  private asking = false;
  private order: Int32Array = new Int32Array(0);
  private orderOf = "";

  constructor(
    private readonly host: ListHost,
    private readonly fetchUnits: () => Promise<UnitEntry[]> = units,
  ) {}

  /** Asks for the list, unless it is being asked for: a slow answer must not pile up requests. */
  async load(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    this.askedAt = Date.now();
    try {
      this.host.fleet.list(await this.fetchUnits(), this.host.now(), performance.now());
      this.failure = "";
      this.loaded = true;
    } catch (e) {
      if (!this.loaded) this.failure = e instanceof Error ? e.message : String(e);
    } finally {
      this.asking = false;
    }
    this.host.listed();
  }

  /** Asks again once the list has grown old. Called with the page's second, whose jitter must not cost a whole one. */
  refresh(): void {
    if (Date.now() - this.askedAt >= listPeriod(this.host.fleet.size) - 100) void this.load();
  }

  /** The rows the list shows. */
  rows(): Int32Array {
    const { fleet, tag } = this.host;
    const key = `${fleet.roster}/${tag}`;
    if (this.orderOf !== key) {
      this.order = ordered(fleet, tag);
      this.orderOf = key;
    }
    return filtered(fleet, this.order, this.query, this.state);
  }

  setQuery(q: string): void {
    this.query = q;
    this.host.changed();
  }

  setState(s: State | null): void {
    this.state = s;
    this.host.changed();
  }
}

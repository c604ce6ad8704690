/** Watching one unit: its last fix in full, its trail, and whether all of its fixes are here. */
import * as api from "./api.ts";
import type { MapPort } from "./mapport.ts";
import { type Fleet, GLIDE_MS } from "./store.ts";

/** What is shown of the selected unit beyond the fleet's columns. */
export interface Detail {
  unit: api.UnitDetail | null;
  completeness: api.Completeness | null;
  trail: api.TrackPoint[];
  /** The trail's length when the completeness was asked for, so that the two counts are told of one moment. */
  trailFixes: number;
  trailTruncated: boolean;
  trailLoaded: boolean;
  failed: string;
}

const DETAIL_MS = 5000;
const TRAIL_MS = 60_000;
const TRAIL_SPAN_MS = 3_600_000;

const NOTHING: Readonly<Detail> = {
  unit: null,
  completeness: null,
  trail: [],
  trailFixes: 0,
  trailTruncated: false,
  trailLoaded: false,
  failed: "",
};

/** What a UnitWatch needs of the page around it. */
export interface WatchHost {
  readonly fleet: Fleet;
  readonly map: Pick<MapPort, "setTrail"> | null;
  now(): number;
  changed(): void;
}

export class UnitWatch {
  /** The unit watched; "" none. */
  unit = "";
  detail: Detail | null = null;
  private abort: AbortController | null = null;
  private loadedAt = 0;
  private trailAt = 0;
  private told = 0;

  constructor(private readonly host: WatchHost) {}

  /** Begins to watch a unit; "" for none. */
  watch(unit: string): void {
    this.abort?.abort();
    this.unit = unit;
    this.trailAt = 0;
    this.told = 0;
    this.detail = unit ? { ...NOTHING } : null;
    this.host.map?.setTrail([], 0);
    if (unit) void this.load();
  }

  /** Loads again what has grown old. */
  refresh(): void {
    if (this.unit && Date.now() - this.loadedAt > DETAIL_MS) void this.load();
  }

  /** The unit may have moved: the trail follows once the arrow has glided there. */
  moved(): void {
    const unit = this.unit;
    const r = unit ? this.host.fleet.row(unit) : -1;
    if (r < 0 || this.host.fleet.time[r]! <= this.told) return;
    const p = this.newest(r);
    this.told = p.time;
    window.setTimeout(() => {
      if (this.unit === unit) this.extend(p);
    }, GLIDE_MS);
  }

  private newest(r: number): api.TrackPoint {
    const f = this.host.fleet;
    return { lat: f.lat[r]! / 1e7, lon: f.lon[r]! / 1e7, time: f.time[r]! };
  }

  private async load(): Promise<void> {
    const id = this.unit;
    const abort = new AbortController();
    this.abort?.abort();
    this.abort = abort;
    this.loadedAt = Date.now();
    try {
      const unit = await api.unit(id, abort.signal);
      if (this.unit !== id || !this.detail) return;
      this.detail = { ...this.detail, unit, failed: "" };
      if (Date.now() - this.trailAt > TRAIL_MS) await this.loadTrail(id, abort.signal);
      const trailFixes = this.detail?.trail.length ?? 0;
      const completeness = await api.completeness(id, abort.signal);
      if (this.unit !== id || !this.detail) return;
      this.detail = { ...this.detail, completeness, trailFixes };
    } catch (e) {
      if (abort.signal.aborted || this.unit !== id || !this.detail) return;
      this.detail = { ...this.detail, failed: e instanceof Error ? e.message : String(e) };
    }
    this.host.changed();
  }

  private async loadTrail(id: string, signal: AbortSignal): Promise<void> {
    const to = this.host.now();
    const track = await api.track(id, new Date(to - TRAIL_SPAN_MS), new Date(to + 60_000), signal);
    if (this.unit !== id || !this.detail) return;
    this.trailAt = Date.now();
    this.detail = { ...this.detail, trail: track.points, trailTruncated: track.truncated, trailLoaded: true };
    this.host.map?.setTrail(track.points, this.host.now());
  }

  /** Puts a position at the trail's end, until the trail is loaded again. */
  private extend(p: api.TrackPoint): void {
    const d = this.detail;
    if (!d?.trailLoaded || d.trailTruncated || p.time <= (d.trail[d.trail.length - 1]?.time ?? 0)) return;
    this.detail = { ...d, trail: [...d.trail, p] };
    this.host.map?.setTrail(this.detail.trail, this.host.now());
  }
}

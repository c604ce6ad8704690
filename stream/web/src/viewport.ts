/** What the map shows: where it opens, and what the stream is asked for. */
import { type Box, openingBox, type Point } from "./geo.ts";
import type { View } from "./hash.ts";
import type { MapPort } from "./mapport.ts";
import { type Fleet, State } from "./store.ts";
import type { Request } from "./wire.ts";

export type ViewRequest = Extract<Request, { op: "view" }>;

/** While the map moves, the stream is asked at most this often. */
const VIEW_MS = 300;
/** How much more than is seen is asked for on each side, so that a small pan shows vehicles at once. */
const MARGIN = 0.15;

export class Viewport {
  box: Box | null = null;
  /** True once the map shows what somebody chose: the person, the URL, or the vehicles themselves. */
  opened: boolean;
  private timer = 0;
  private asked = 0;

  constructor(
    private readonly fleet: Fleet,
    /** What the map shows; before it is there, what the URL asks for, or null. */
    public view: View | null,
    private readonly look: (q: ViewRequest) => void,
  ) {
    this.opened = view !== null;
  }

  /** Goes where the vehicles are, once they are known and unless it is open already. Silent ones count only when all are. */
  open(map: MapPort | null): void {
    if (this.opened || !map) return;
    const awake = this.places((r) => this.fleet.state[r] !== State.Silent);
    const box = openingBox(awake.length > 0 ? awake : this.places(() => true));
    if (!box) return;
    this.opened = true;
    map.fit(box, true);
  }

  showAll(map: MapPort | null): void {
    const box = openingBox(
      this.places(() => true),
      360,
    );
    if (box) map?.fit(box, false);
  }

  private places(wanted: (row: number) => boolean): Point[] {
    const f = this.fleet;
    const points: Point[] = [];
    for (let r = 0; r < f.size; r++) if (f.time[r]! > 0 && wanted(r)) points.push([f.lon[r]! / 1e7, f.lat[r]! / 1e7]);
    return points;
  }

  /** The map moved; settled is false while it still does. */
  moved(view: View, box: Box, settled: boolean): void {
    this.view = view;
    this.box = box;
    const due = this.asked + VIEW_MS - Date.now();
    if (settled || due <= 0) this.ask();
    else if (!this.timer) this.timer = window.setTimeout(() => this.ask(), due);
  }

  private ask(): void {
    window.clearTimeout(this.timer);
    this.timer = 0;
    this.asked = Date.now();
    if (!this.box || !this.view) return;
    this.fleet.lookElsewhere();
    this.look({ op: "view", bbox: widened(this.box, MARGIN), zoom: Math.round(this.view.zoom * 100) / 100 });
  }
}

/** The box asked for: wider by margin on each side, longitudes from -180 to 180, west > east across 180°. */
export function widened(b: Box, margin: number): [number, number, number, number] {
  const dx = (b.e - b.w) * margin;
  const dy = (b.n - b.s) * margin;
  const s = Math.max(-90, b.s - dy);
  const n = Math.min(90, b.n + dy);
  if (b.e - b.w + 2 * dx >= 360) return [-180, s, 180, n];
  const wrap = (x: number) => ((((x + 180) % 360) + 360) % 360) - 180;
  return [wrap(b.w - dx), s, wrap(b.e + dx), n];
}

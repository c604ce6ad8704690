/** The base map the page carries: decodes base.bin (basemap/build.mjs writes it) and draws the net of latitudes and longitudes. */
import type { Box, Point } from "../geo.ts";

/** The fine grid of base.bin, steps a degree. */
const GRID = 1e4;
const COARSE = 10;

export interface BaseMap {
  land: GeoJSON.MultiPolygon;
  /** Shore lines: the rings without the cuts along 180° and the south edge. */
  coast: GeoJSON.MultiLineString;
  urban: GeoJSON.MultiPolygon;
}

export function decodeBase(buffer: ArrayBuffer): BaseMap {
  const b = new Uint8Array(buffer);
  let at = 0;
  const varint = (): number => {
    let v = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= b.length) throw new Error("base map: cut short");
      const x = b[at++]!;
      v |= (x & 127) << shift;
      if (x < 128) return v >>> 0;
    }
  };
  const signed = (): number => {
    const v = varint();
    return (v >>> 1) ^ -(v & 1);
  };
  const layer = (): Point[][][] => {
    let x = 0;
    let y = 0;
    return Array.from({ length: varint() }, () =>
      Array.from({ length: varint() }, () => {
        const head = varint();
        const step = head & 1 ? 1 : COARSE;
        x = Math.round(x / step);
        y = Math.round(y / step);
        const ring: Point[] = [];
        for (let i = 0; i < head >> 1; i++) {
          x += signed();
          y += signed();
          ring.push([(x * step) / GRID, (y * step) / GRID]);
        }
        ring.push(ring[0]!);
        x *= step;
        y *= step;
        return ring;
      }),
    );
  };
  const layers = Array.from({ length: varint() }, layer);
  const [land, urban] = [layers[0] ?? [], layers[1] ?? []];
  return {
    land: { type: "MultiPolygon", coordinates: land },
    coast: { type: "MultiLineString", coordinates: land.flatMap((p) => p.flatMap(shores)) },
    urban: { type: "MultiPolygon", coordinates: urban },
  };
}

function shores(ring: Point[]): Point[][] {
  const lines: Point[][] = [[]];
  for (const p of ring) {
    const cut = Math.abs(p[0]) > 179.95 || p[1] < -84.9;
    if (cut) lines.push([]);
    else lines[lines.length - 1]!.push(p);
  }
  return lines.filter((l) => l.length > 1);
}

/** Steps of the net in degrees: round ones, then minutes as on a chart. */
const STEPS = [30, 10, 5, 2, 1, 1 / 2, 1 / 6, 1 / 12, 1 / 30, 1 / 60, 1 / 120, 1 / 300, 1 / 600, 1 / 1800, 1 / 3600];

/** The step of the net that gives about eight lines across so many degrees. */
export function gridStep(span: number): number {
  return STEPS.find((s) => span / s >= 6) ?? STEPS[STEPS.length - 1]!;
}

/** The lines of latitude and longitude over a view, and half a view around it. */
export function graticule(view: Box): GeoJSON.MultiLineString {
  const span = Math.max(view.e - view.w, 1e-6);
  const step = gridStep(span);
  const lines: Point[][] = [];
  const pad = span / 2;
  const s = Math.max(-85, view.s - pad);
  const n = Math.min(85, view.n + pad);
  const w = view.w - pad;
  const e = view.e + pad;
  for (let i = Math.ceil(w / step); i * step <= e; i++)
    lines.push([
      [i * step, s],
      [i * step, n],
    ]);
  for (let i = Math.ceil(s / step); i * step <= n; i++)
    lines.push([
      [w, i * step],
      [e, i * step],
    ]);
  return { type: "MultiLineString", coordinates: lines };
}

/** What stands beside a line of the net: degrees, and minutes and seconds where the step has them. */
export function gridLabel(degrees: number, step: number, axis: "lat" | "lon"): string {
  const around = axis === "lon" ? ((((degrees + 180) % 360) + 360) % 360) - 180 : degrees;
  const seconds = Math.round(Math.abs(around) * 3600);
  const half = seconds === 0 || seconds === 180 * 3600 ? "" : axis === "lat" ? (around < 0 ? "S" : "N") : around < 0 ? "W" : "E";
  const d = `${Math.floor(seconds / 3600)}°`;
  const m = step < 1 ? `${String(Math.floor(seconds / 60) % 60).padStart(2, "0")}′` : "";
  const s = step < 1 / 60 ? `${String(seconds % 60).padStart(2, "0")}″` : "";
  return d + m + s + half;
}

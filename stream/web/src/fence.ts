/**
 * A fence as it is edited: read from a GeoJSON Feature, changed vertex by vertex or by what was drawn on the map, written back. Pure;
 * the service decides what is valid, and says which field and where when it is not.
 */
import { array, CheckError, maybe, number, object, text, whole, within } from "./check.ts";
import { type Box, boxOf, circleRing, type Point } from "./geo.ts";

export const FENCE_KINDS = ["zone", "gate", "yard", "berth", "anchorage", "corridor"] as const;
export type FenceKind = (typeof FENCE_KINDS)[number];

export type Shape =
  | { type: "polygon"; /** Polygons of rings; rings are not closed, the first is the outer one. */ polygons: Point[][][] }
  | { type: "circle"; center: Point; radiusM: number }
  | { type: "corridor"; line: Point[]; widthM: number };

export interface Fence {
  id: string;
  name: string;
  kind: FenceKind;
  shape: Shape;
  /** m/s, 0 for none. */
  speedLimitMps: number;
  /** Seconds, 0 for none. */
  dwellS: number;
  /** 0 for one that is not saved yet. */
  revision: number;
}

/** What goes to and comes from /api/v1/fences. */
export interface FeatureJson {
  type: "Feature";
  id?: string;
  geometry: { type: string; coordinates: unknown };
  properties: Record<string, unknown>;
}

/** Seven decimals are a centimetre; a mouse is not better. */
const DECIMALS = 1e7;
export const DEFAULT_WIDTH_M = 200;

/** Reads a Feature. Throws CheckError naming what is wrong. */
export function fromFeature(v: unknown): Fence {
  const f = object(v, "feature");
  const p = maybe(f["properties"], "properties", object) ?? {};
  const kind = maybe(p["kind"], "properties.kind", text) ?? "zone";
  return {
    id: text(f["id"] ?? p["id"], "id"),
    name: maybe(p["name"], "properties.name", text) ?? "",
    kind: FENCE_KINDS.find((k) => k === kind) ?? "zone",
    shape: shapeOf(object(f["geometry"], "geometry"), p),
    speedLimitMps: maybe(p["speed_limit_mps"], "properties.speed_limit_mps", number) ?? 0,
    dwellS: maybe(p["dwell_s"], "properties.dwell_s", number) ?? 0,
    revision: maybe(p["revision"], "properties.revision", whole) ?? 0,
  };
}

function shapeOf(g: Record<string, unknown>, p: Record<string, unknown>): Shape {
  const type = text(g["type"], "geometry.type");
  const c = g["coordinates"];
  const at = "geometry.coordinates";
  switch (type) {
    case "Polygon":
      return { type: "polygon", polygons: [rings(c, at)] };
    case "MultiPolygon":
      return { type: "polygon", polygons: array(c, at).map((x, i) => rings(x, `${at}[${i}]`)) };
    case "Point":
      return { type: "circle", center: point(c, at), radiusM: number(p["radius_m"], "properties.radius_m") };
    case "LineString":
      return {
        type: "corridor",
        line: array(c, at).map((x, i) => point(x, `${at}[${i}]`)),
        widthM: number(p["width_m"], "properties.width_m"),
      };
    default:
      throw new CheckError("geometry.type", `${type} is not a fence's`);
  }
}

function rings(v: unknown, path: string): Point[][] {
  return array(v, path).map((r, i) => {
    const ring = array(r, `${path}[${i}]`).map((x, j) => point(x, `${path}[${i}][${j}]`));
    const first = ring[0];
    const last = ring[ring.length - 1];
    if (first && last && ring.length > 1 && first[0] === last[0] && first[1] === last[1]) ring.pop();
    return ring;
  });
}

function point(v: unknown, path: string): Point {
  const a = array(v, path);
  return [within(a[0], -180, 180, `${path}[0]`), within(a[1], -90, 90, `${path}[1]`)];
}

export function toFeature(f: Fence): FeatureJson {
  const properties: Record<string, unknown> = { kind: f.kind };
  if (f.name) properties["name"] = f.name;
  if (f.speedLimitMps > 0) properties["speed_limit_mps"] = Math.round(f.speedLimitMps * 1000) / 1000;
  if (f.dwellS > 0) properties["dwell_s"] = Math.round(f.dwellS);
  const s = f.shape;
  switch (s.type) {
    case "polygon": {
      const closed = s.polygons.map((p) => p.map((r) => [...r, ...r.slice(0, 1)].map(rounded)));
      return closed.length === 1
        ? { type: "Feature", id: f.id, geometry: { type: "Polygon", coordinates: closed[0] }, properties }
        : { type: "Feature", id: f.id, geometry: { type: "MultiPolygon", coordinates: closed }, properties };
    }
    case "circle":
      properties["radius_m"] = Math.round(s.radiusM * 10) / 10;
      return { type: "Feature", id: f.id, geometry: { type: "Point", coordinates: rounded(s.center) }, properties };
    case "corridor":
      properties["width_m"] = Math.round(s.widthM * 10) / 10;
      return { type: "Feature", id: f.id, geometry: { type: "LineString", coordinates: s.line.map(rounded) }, properties };
  }
}

function rounded(p: Point): Point {
  return [Math.round(p[0] * DECIMALS) / DECIMALS, Math.round(p[1] * DECIMALS) / DECIMALS];
}

/** True when the shape is one ring without holes: what can be reshaped by dragging on the map. */
export function simple(s: Shape): boolean {
  return s.type !== "polygon" || (s.polygons.length === 1 && s.polygons[0]!.length === 1);
}

/** A row of the table of coordinates; path says where the vertex stands in the shape. */
export interface Vertex {
  path: [polygon: number, ring: number, index: number];
  point: Point;
}

export function vertices(s: Shape): Vertex[] {
  switch (s.type) {
    case "polygon":
      return s.polygons.flatMap((p, i) => p.flatMap((r, j) => r.map((q, k): Vertex => ({ path: [i, j, k], point: q }))));
    case "circle":
      return [{ path: [0, 0, 0], point: s.center }];
    case "corridor":
      return s.line.map((q, k) => ({ path: [0, 0, k], point: q }));
  }
}

/** Replaces the points of the ring (or line) that path lies in. */
function withRing(s: Shape, path: Vertex["path"], change: (ring: Point[]) => Point[]): Shape {
  switch (s.type) {
    case "polygon":
      return {
        ...s,
        polygons: s.polygons.map((p, i) => (i === path[0] ? p.map((r, j) => (j === path[1] ? change(r) : r)) : p)),
      };
    case "circle":
      return { ...s, center: change([s.center])[0] ?? s.center };
    case "corridor":
      return { ...s, line: change(s.line) };
  }
}

export function moveVertex(s: Shape, path: Vertex["path"], to: Point): Shape {
  return withRing(s, path, (r) => r.map((q, k) => (k === path[2] ? to : q)));
}

/** Puts a vertex after the one at path: half way to the next, or beyond the end of a line. */
export function insertVertex(s: Shape, path: Vertex["path"]): Shape {
  if (s.type === "circle") return s;
  return withRing(s, path, (r) => {
    const k = path[2];
    const a = r[k]!;
    const last = k === r.length - 1;
    const b = last && s.type === "corridor" ? beyond(r) : r[(k + 1) % r.length]!;
    const between: Point = last && s.type === "corridor" ? b : [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    return [...r.slice(0, k + 1), between, ...r.slice(k + 1)];
  });
}

function beyond(line: Point[]): Point {
  const a = line[line.length - 1]!;
  const b = line[line.length - 2] ?? [a[0] - 0.002, a[1]];
  return [a[0] + (a[0] - b[0]), a[1] + (a[1] - b[1])];
}

/** How few vertices the ring or line may have. */
export function fewest(s: Shape): number {
  return s.type === "polygon" ? 3 : s.type === "corridor" ? 2 : 1;
}

/** Takes a vertex out, unless too few would be left. */
export function removeVertex(s: Shape, path: Vertex["path"]): Shape {
  return withRing(s, path, (r) => (r.length > fewest(s) ? r.filter((_, k) => k !== path[2]) : r));
}

/** What the page itself can say is missing, by field; the service has the last word. */
export function missing(f: Fence): "vertices" | "radius" | "width" | null {
  const s = f.shape;
  switch (s.type) {
    case "polygon":
      return s.polygons.length > 0 && s.polygons.every((p) => p.length > 0 && p.every((r) => r.length >= 3)) ? null : "vertices";
    case "circle":
      return s.radiusM > 0 ? null : "radius";
    case "corridor":
      return s.line.length < 2 ? "vertices" : s.widthM > 0 ? null : "width";
  }
}

/** The outline that is drawn: polygons with closed rings for areas, the line itself for a corridor. */
export function outline(s: Shape): { type: "Polygon" | "MultiPolygon" | "LineString"; coordinates: unknown } {
  switch (s.type) {
    case "polygon": {
      const closed = s.polygons.map((p) => p.map((r) => [...r, ...r.slice(0, 1)]));
      return closed.length === 1 ? { type: "Polygon", coordinates: closed[0] } : { type: "MultiPolygon", coordinates: closed };
    }
    case "circle":
      return { type: "Polygon", coordinates: [circleRing(s.center, s.radiusM)] };
    case "corridor":
      return { type: "LineString", coordinates: s.line };
  }
}

export function boundsOf(s: Shape): Box | null {
  switch (s.type) {
    case "polygon":
      return boxOf(s.polygons.flatMap((p) => p[0] ?? []));
    case "circle":
      return boxOf(circleRing(s.center, s.radiusM, 8));
    case "corridor":
      return boxOf(s.line);
  }
}

/** Which field of the form a refusal belongs to. The service names properties and geometry by their paths in the Feature. */
export type FormField = "name" | "kind" | "speed" | "dwell" | "radius" | "width" | "shape";

export function formField(field: string): FormField {
  if (/radius_m/.test(field)) return "radius";
  if (/width_m/.test(field)) return "width";
  if (/speed_limit/.test(field)) return "speed";
  if (/dwell/.test(field)) return "dwell";
  if (/\bname\b/.test(field)) return "name";
  if (/\bkind\b/.test(field)) return "kind";
  return "shape";
}

/** A new id: readable where the name is, unique in any case. */
export function newFenceId(kind: FenceKind, random: () => number): string {
  let tail = "";
  for (let i = 0; i < 8; i++) tail += "abcdefghijkmnpqrstuvwxyz23456789"[Math.floor(random() * 32)]!;
  return `${kind}-${tail}`;
}

/**
 * Plane and sphere, as the map needs them. Points are [lon, lat] in degrees, WGS-84, the order of GeoJSON; only wire.ts and the
 * service's texts say lat first.
 */
export type Point = [lon: number, lat: number];

/** Web Mercator ends here. */
export const MAX_LAT = 85.0511;
/** Mean radius of the earth in metres: what is drawn with it is right to 0.5 %. */
export const EARTH_M = 6371008.8;

const RAD = Math.PI / 180;

/**
 * Mercator in whole numbers: x counts 2^32 steps around the world and wraps as 32-bit integers do, so that the difference of two x is
 * always the short way round; y counts 2^31 from the north edge. A step is a centimetre, which a 32-bit float could not say.
 */
export function mercatorX(lon: number): number {
  return ((lon / 360) * 4294967296) | 0;
}

export function mercatorY(lat: number): number {
  const s = Math.sin(Math.max(-MAX_LAT, Math.min(MAX_LAT, lat)) * RAD);
  return ((0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)) * 2147483648) | 0;
}

/** Metres between two points, along the sphere. */
export function distance(a: Point, b: Point): number {
  const dLat = (b[1] - a[1]) * RAD;
  const dLon = (b[0] - a[0]) * RAD;
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(a[1] * RAD) * Math.cos(b[1] * RAD) * Math.sin(dLon / 2) ** 2;
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** The point that lies so many metres from p at a bearing in degrees from north. */
export function offset(p: Point, metres: number, bearing: number): Point {
  const d = metres / EARTH_M;
  const lat = p[1] * RAD;
  const sin = Math.sin(lat) * Math.cos(d) + Math.cos(lat) * Math.sin(d) * Math.cos(bearing * RAD);
  const lon = p[0] + Math.atan2(Math.sin(bearing * RAD) * Math.sin(d) * Math.cos(lat), Math.cos(d) - Math.sin(lat) * sin) / RAD;
  return [lon, Math.asin(sin) / RAD];
}

/** The closed ring of a circle. */
export function circleRing(center: Point, radiusM: number, corners = 96): Point[] {
  const ring: Point[] = [];
  for (let i = 0; i < corners; i++) ring.push(offset(center, radiusM, (i * 360) / corners));
  ring.push(ring[0]!);
  return ring;
}

/** How wide one metre is in pixels at zoom 0 of a world 512 pixels wide, at a latitude. */
export function pixelsPerMetre(lat: number): number {
  return 512 / (2 * Math.PI * 6378137 * Math.cos(lat * RAD));
}

export interface Box {
  w: number;
  s: number;
  e: number;
  n: number;
}

export function boxOf(points: Iterable<Point>): Box | null {
  const b = { w: Infinity, s: Infinity, e: -Infinity, n: -Infinity };
  for (const [x, y] of points) {
    b.w = Math.min(b.w, x);
    b.e = Math.max(b.e, x);
    b.s = Math.min(b.s, y);
    b.n = Math.max(b.n, y);
  }
  return b.w <= b.e ? b : null;
}

/**
 * The box the map opens on: all points when they lie within about a country, else the largest gathering of them, so that one vehicle
 * on the other side of the world does not turn all others into a dot.
 */
export function openingBox(points: Point[], span = 12): Box | null {
  const all = boxOf(points);
  if (!all || (all.e - all.w <= span && all.n - all.s <= span)) return all;
  const size = 1;
  const groups = new Map<string, Point[]>();
  for (const p of points) {
    const key = `${Math.floor(p[0] / size)},${Math.floor(p[1] / size)}`;
    const g = groups.get(key);
    if (g) g.push(p);
    else groups.set(key, [p]);
  }
  let best: Point[] = [];
  const seen = new Set<string>();
  for (const start of groups.keys()) {
    const gathering: Point[] = [];
    const todo = [start];
    for (let key = todo.pop(); key !== undefined; key = todo.pop()) {
      const here = groups.get(key);
      if (!here || seen.has(key)) continue;
      seen.add(key);
      gathering.push(...here);
      const [x, y] = key.split(",").map(Number) as [number, number];
      for (let dx = -1; dx <= 1; dx++) for (let dy = -1; dy <= 1; dy++) todo.push(`${x + dx},${y + dy}`);
    }
    if (gathering.length > best.length) best = gathering;
  }
  return boxOf(best);
}

/** Reads a latitude or longitude typed by a person: decimal degrees, or degrees, minutes and seconds, with N S E W; NaN when it is neither. */
export function parseDegrees(input: string, axis: "lat" | "lon"): number {
  const m =
    /^\s*([+-]?)(\d+(?:\.\d+)?)\s*(?:°|d|\s)?\s*(?:(\d+(?:\.\d+)?)\s*['′m]?\s*)?(?:(\d+(?:\.\d+)?)\s*["″s]?\s*)?([NSEW]?)\s*$/i.exec(input);
  if (!m) return Number.NaN;
  const minutes = Number(m[3] ?? 0);
  const seconds = Number(m[4] ?? 0);
  const half = (m[5] ?? "").toUpperCase();
  if (minutes >= 60 || seconds >= 60 || (half && !(axis === "lat" ? "NS" : "EW").includes(half))) return Number.NaN;
  const v = Number(m[2]) + minutes / 60 + seconds / 3600;
  const sign = (m[1] === "-" ? -1 : 1) * (half === "S" || half === "W" ? -1 : 1);
  return v <= (axis === "lat" ? 90 : 180) ? sign * v : Number.NaN;
}

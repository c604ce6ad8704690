// Builds src/basemap/base.bin, the base map that the page carries with it so that it needs no tile server: land everywhere, at the
// full detail of Natural Earth 1:10m where Dipper's ports are, thinned elsewhere, and the built-up areas.
//
//   npm run basemap -- --natural-earth DIR
//
// DIR holds china-coastline-10m.geojson and world-urban-areas-50m.geojson.gz, both Natural Earth, public domain. The land comes from
// npm world-atlas (Natural Earth 1:10m as TopoJSON, ISC licence), which rounds to 360 m: inside the box of the coastline file every
// rounded vertex is replaced by the stretch of the exact line it came from. No national borders are taken from anywhere.
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { feature } from "topojson-client";

const { values } = parseArgs({ options: { "natural-earth": { type: "string" } } });
const dir = values["natural-earth"];
if (!dir) {
  console.error("basemap: --natural-earth DIR is needed");
  process.exit(2);
}

/** The grid of the output: 1e-4 degrees, 11 m, finer than 1:10m data can be right. */
const GRID = 1e4;
/** Where nothing is thinned: the coasts of China and what the exact coastline covers beside them. */
const KEEP = { w: 105, e: 130, s: 18, n: 42 };
/** Rings that lie wholly elsewhere are on a grid this much coarser. */
const COARSE = 10;
/** A vertex elsewhere goes when the triangle with its neighbours is smaller than this, in square degrees of latitude (about 7 km²). */
const MIN_AREA = 6e-4;
/** Rings elsewhere that are smaller than this vanish (about 2.5 km²). */
const MIN_RING = 2e-4;

const land = feature(JSON.parse(readFileSync("node_modules/world-atlas/land-10m.json", "utf8")), "land");
const coast = JSON.parse(readFileSync(`${dir}/china-coastline-10m.geojson`, "utf8"));
const urban = JSON.parse(gunzipSync(readFileSync(`${dir}/world-urban-areas-50m.geojson.gz`)).toString("utf8"));

const fine = coast.features.map((f) => f.geometry.coordinates);
const index = indexVertices(fine);
const polygons = land.features.flatMap((f) => (f.geometry.type === "Polygon" ? [f.geometry.coordinates] : f.geometry.coordinates));
const counts = { in: 0, exact: 0, out: 0 };
const landOut = polygons.map((rings) => rings.map((r) => thin(detail(r))).filter(Boolean)).filter((rings) => rings.length > 0);
const urbanOut = urban.features
  .flatMap((f) => (f.geometry.type === "Polygon" ? [f.geometry.coordinates] : f.geometry.coordinates))
  .map((rings) => rings.map((r) => thin(r, 5e-4)).filter(Boolean))
  .filter((rings) => rings.length > 0);

const bytes = encode([landOut, urbanOut]);
writeFileSync("src/basemap/base.bin", bytes);
console.log(
  `base.bin ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} gzipped; land vertices ${counts.in} read, ${counts.exact} made exact, ${counts.out} written`,
);

/** Finds the exact vertices near a rounded one. */
function indexVertices(lines) {
  const grid = new Map();
  lines.forEach((line, l) =>
    line.forEach(([x, y], i) => {
      const key = `${Math.round(x * 100)},${Math.round(y * 100)}`;
      (grid.get(key) ?? grid.set(key, []).get(key)).push([l, i]);
    }),
  );
  return grid;
}

/** The exact vertex that a rounded one stands for, as [line, index], or undefined. */
function exact([x, y], hint) {
  let best;
  let bestD = Infinity;
  for (let dx = -1; dx <= 1; dx++)
    for (let dy = -1; dy <= 1; dy++)
      for (const [l, i] of index.get(`${Math.round(x * 100) + dx},${Math.round(y * 100) + dy}`) ?? []) {
        const ex = Math.abs(fine[l][i][0] - x) / 0.0037;
        const ey = Math.abs(fine[l][i][1] - y) / 0.0018;
        if (ex > 0.55 || ey > 0.55) continue;
        const d = ex + ey + (hint && hint[0] === l && Math.abs(hint[1] - i) < 12 ? 0 : 0.5);
        if (d < bestD) [best, bestD] = [[l, i], d];
      }
  return best;
}

/** Replaces the rounded vertices of a ring by the exact ones, with the exact vertices between them that rounding had merged. */
function detail(ring) {
  const out = [];
  let last;
  for (const p of ring) {
    counts.in++;
    const hit = p[0] > 104.9 && p[0] < 130.1 && p[1] > 17.9 && p[1] < 42.1 ? exact(p, last) : undefined;
    if (!hit) {
      out.push(p);
      last = undefined;
      continue;
    }
    counts.exact++;
    const line = fine[hit[0]];
    if (last && last[0] === hit[0] && Math.abs(last[1] - hit[1]) <= 12) {
      const step = Math.sign(hit[1] - last[1]);
      for (let i = last[1] + step; step !== 0 && i !== hit[1]; i += step) out.push(line[i]);
    }
    out.push(line[hit[1]]);
    last = hit;
  }
  if (out.length > 0) out[out.length - 1] = out[0];
  return out;
}

function kept([x, y]) {
  return x > KEEP.w && x < KEEP.e && y > KEEP.s && y < KEEP.n;
}

/** Visvalingam's thinning: drops the vertex with the smallest triangle until all are larger than the limit. Null when the ring vanishes. */
function thin(ring, minArea = MIN_AREA) {
  const pts = ring.slice(0, -1);
  const inside = pts.some(kept);
  if (pts.length < 3 || (!inside && Math.abs(area(pts)) < MIN_RING)) return null;
  const n = pts.length;
  const prev = pts.map((_, i) => (i + n - 1) % n);
  const next = pts.map((_, i) => (i + 1) % n);
  const size = (i) => {
    if (kept(pts[i]) && minArea === MIN_AREA) return Infinity;
    if (Math.abs(pts[i][0]) > 179.9) return Infinity;
    return Math.abs(area([pts[prev[i]], pts[i], pts[next[i]]]));
  };
  const gone = new Uint8Array(n);
  let left = n;
  const heap = pts.map((_, i) => [size(i), i]).sort((a, b) => a[0] - b[0]);
  // A sorted list gone through again and again is enough here: rings are small, and this runs once a year.
  for (let changed = true; changed && left > 4;) {
    changed = false;
    for (const [, i] of heap) {
      if (gone[i] || left <= 4 || size(i) >= minArea) continue;
      gone[i] = 1;
      left--;
      next[prev[i]] = next[i];
      prev[next[i]] = prev[i];
      changed = true;
    }
  }
  const out = pts.filter((_, i) => !gone[i]);
  counts.out += out.length;
  return out;
}

function area(pts) {
  let a = 0;
  const k = Math.cos((pts[0][1] * Math.PI) / 180);
  for (let i = 0, j = pts.length - 1; i < pts.length; j = i++) a += (pts[j][0] - pts[i][0]) * (pts[j][1] + pts[i][1]);
  return (a * k) / 2;
}

/**
 * Layers of polygons as varints: count of layers, of polygons, of rings; a ring is its count of points, doubled, plus 1 when it is on
 * the fine grid rather than the tenfold coarser one; then zigzag differences, in steps of the ring's grid, from the point before,
 * which at a ring's start is rounded to that grid. Rings are not closed.
 */
function encode(layers) {
  const out = [];
  const varint = (v) => {
    while (v > 127) {
      out.push((v & 127) | 128);
      v >>>= 7;
    }
    out.push(v);
  };
  const zigzag = (v) => varint(((v << 1) ^ (v >> 31)) >>> 0);
  varint(layers.length);
  for (const polys of layers) {
    let x = 0;
    let y = 0;
    varint(polys.length);
    for (const rings of polys) {
      varint(rings.length);
      for (const ring of rings) {
        const step = ring.some(kept) ? 1 : COARSE;
        varint(ring.length * 2 + (step === 1 ? 1 : 0));
        x = Math.round(x / step);
        y = Math.round(y / step);
        for (const [lon, lat] of ring) {
          const nx = Math.round((lon * GRID) / step);
          const ny = Math.round((lat * GRID) / step);
          zigzag(nx - x);
          zigzag(ny - y);
          [x, y] = [nx, ny];
        }
        x *= step;
        y *= step;
      }
    }
  }
  return Uint8Array.from(out);
}

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { decodeBase, graticule, gridLabel, gridStep } from "./basemap.ts";
import { places } from "./places.ts";

const file = readFileSync(new URL("../basemap/base.bin", import.meta.url));
const buffer = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);

/** Whether a point is on land, by counting the borders to its east. */
function onLand(lon: number, lat: number): boolean {
  let inside = false;
  for (const polygon of decoded.land.coordinates)
    for (const ring of polygon)
      for (let i = 1; i < ring.length; i++) {
        const [a, b] = [ring[i - 1]!, ring[i]!];
        if (a[1]! > lat !== b[1]! > lat && lon < ((b[0]! - a[0]!) * (lat - a[1]!)) / (b[1]! - a[1]!) + a[0]!) inside = !inside;
      }
  return inside;
}
const decoded = decodeBase(buffer);

describe("the base map", () => {
  test("has closed rings on the earth", () => {
    for (const polygon of [...decoded.land.coordinates, ...decoded.urban.coordinates])
      for (const ring of polygon) {
        expect(ring.length).toBeGreaterThanOrEqual(4);
        expect(ring[ring.length - 1]).toEqual(ring[0]);
        expect(ring.every(([x, y]) => Math.abs(x!) <= 180 && Math.abs(y!) <= 90)).toBe(true);
      }
  });
  test.each([
    ["Beijing", 116.4, 39.9, true],
    ["Taipei", 121.5, 25.0, true],
    ["Nevada", -119, 39.5, true],
    ["the Yellow Sea", 122.5, 35.5, false],
    ["the Bay of Biscay", -5, 45, false],
    ["the middle of Jiaozhou Bay", 120.24, 36.1, false],
  ])("knows %s from the sea or from land", (_, lon, lat, land) => {
    expect(onLand(lon, lat)).toBe(land);
  });
  test("does not draw the cuts along 180° as shores", () => {
    expect(decoded.coast.coordinates.flat().some(([x]) => Math.abs(x!) > 179.96)).toBe(false);
  });
  test("refuses a file that was cut", () => {
    expect(() => decodeBase(buffer.slice(0, buffer.byteLength - 1))).toThrow("cut short");
  });
});

test("places and ports are the same in both languages, each with a name", () => {
  const [en, zh] = [places("en"), places("zh")];
  expect(en.map((s) => [s.x, s.y])).toEqual(zh.map((s) => [s.x, s.y]));
  expect([...en, ...zh].every((s) => s.text.trim() !== "")).toBe(true);
  expect(zh.filter((s) => s.style === "city").every((s) => /[\u4e00-\u9fff]/.test(s.text))).toBe(true);
});

test.each([
  [120, 1, "lon", "120°E"],
  [-0.5, 0.5, "lat", "0°30′S"],
  [120.25, 1 / 12, "lon", "120°15′E"],
  [36.0525, 1 / 300, "lat", "36°03′09″N"],
  [190, 10, "lon", "170°W"],
  [180, 10, "lon", "180°"],
  [0, 10, "lat", "0°"],
] as const)("the line at %d, step %d, %s is labelled %s", (deg, step, axis, want) => {
  expect(gridLabel(deg, step, axis)).toBe(want);
});

test("the net has some lines at every zoom, and never very many", () => {
  for (let span = 360; span > 0.001; span /= 1.7) {
    const n = graticule({ w: 120, e: 120 + span, s: 36, n: 36 + span / 2 }).coordinates.length;
    expect(n).toBeGreaterThan(4);
    expect(n).toBeLessThan(100);
    expect(gridStep(span)).toBeLessThan(span);
  }
});

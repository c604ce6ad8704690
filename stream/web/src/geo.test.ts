import { describe, expect, test } from "vitest";
import { circleRing, distance, mercatorX, mercatorY, offset, openingBox, parseDegrees, type Point } from "./geo.ts";
import { widened } from "./viewport.ts";

test("mercator steps wrap around the world, and are centimetres", () => {
  expect((mercatorX(-179.9999999) - mercatorX(179.9999999)) | 0).toBeLessThan(10);
  expect(mercatorX(120.0000001) - mercatorX(120)).toBe(1);
  expect(mercatorY(0)).toBe(2 ** 30);
  expect(mercatorY(89)).toBe(mercatorY(85.0511));
});

test("a circle is as far from its centre everywhere, near a pole and across 180° too", () => {
  for (const c of [
    [120, 36],
    [180, -10],
    [0, 84],
  ] as Point[])
    for (const p of circleRing(c, 1500)) expect(distance(c, p)).toBeCloseTo(1500, 2);
  expect(distance([0, 0], offset([0, 0], 111_195, 90))).toBeCloseTo(111_195, 3);
});

describe("opening box", () => {
  const port: Point[] = [
    [120.1, 36],
    [120.3, 36.1],
    [120.2, 36.2],
  ];
  test("is all vehicles when they are near each other", () => {
    expect(openingBox(port)).toEqual({ w: 120.1, s: 36, e: 120.3, n: 36.2 });
  });
  test("is the largest gathering when some are oceans away", () => {
    expect(openingBox([[-119.8, 39.5], ...port, [12.5, 55.7], [12.6, 55.7]])).toEqual({ w: 120.1, s: 36, e: 120.3, n: 36.2 });
  });
  test("is none for nobody", () => {
    expect(openingBox([])).toBeNull();
  });
});

test.each([
  ["36.0671", "lat", 36.0671],
  ["-12.5", "lat", -12.5],
  ["36 04.03 N", "lat", 36 + 4.03 / 60],
  ["36°04'01.6\"S", "lat", -(36 + 4 / 60 + 1.6 / 3600)],
  ["120°22′57″ E", "lon", 120 + 22 / 60 + 57 / 3600],
  ["91", "lat", Number.NaN],
  ["181", "lon", Number.NaN],
  ["36 61 N", "lat", Number.NaN],
  ["36 N", "lon", Number.NaN],
  ["here", "lat", Number.NaN],
  ["", "lat", Number.NaN],
] as const)("%j as %s is %d", (text, axis, want) => {
  const got = parseDegrees(text, axis);
  if (Number.isNaN(want)) expect(got).toBeNaN();
  else expect(got).toBeCloseTo(want, 9);
});

test("the box asked for is wider than the view, and stays on the earth", () => {
  expect(widened({ w: 100, s: 30, e: 110, n: 40 }, 0.1)).toEqual([99, 29, 111, 41]);
  expect(widened({ w: 175, s: -5, e: 185, n: 5 }, 0.1)).toEqual([174, -6, -174, 6]);
  expect(widened({ w: -535, s: -5, e: -530, n: 5 }, 0)).toEqual([-175, -5, -170, 5]);
  expect(widened({ w: -200, s: -89, e: 200, n: 89 }, 0.1)).toEqual([-180, -90, 180, 90]);
});

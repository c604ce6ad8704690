import { expect, test } from "vitest";
import { age, Clock, course, limit, place, speed, speedColumn, vague } from "./format.ts";
import { formatHash, parseHash } from "./hash.ts";
import { translator } from "./i18n/index.ts";
import { ordered, filtered } from "./search.ts";
import { Fleet, State } from "./store.ts";
import { UNKNOWN } from "./wire.ts";

test("speeds: knots for vessels, km/h for the rest, a dash for unknown", () => {
  expect([speed(10, "truck"), speed(10, "vessel"), speedColumn(UNKNOWN, "truck"), speedColumn(0, "vessel")]).toEqual([
    "36 km/h",
    "19.4 kn",
    "–",
    "0.0 kn",
  ]);
});

test("limits: knots for fences on water, km/h for the rest", () => {
  expect((["corridor", "anchorage", "berth", "gate"] as const).map((kind) => limit(5.14444, kind))).toEqual([
    "10 kn",
    "10 kn",
    "10 kn",
    "19 km/h",
  ]);
});

test("a time is vague beyond 15 s", () => {
  expect([0, 15, 15.1].map(vague)).toEqual([false, false, true]);
});

test("courses and places", () => {
  expect([course(0), course(359.7), course(271.5), course(44)]).toEqual(["000° N", "000° N", "272° W", "044° NE"]);
  expect(place(-36.0671234, -120.3)).toBe("36.06712° S, 120.30000° W");
});

test.each([
  [-5000, "0 s"],
  [119_999, "119 s"],
  [120_000, "2 min"],
  [7_199_999, "119 min"],
  [7_200_000, "2 h"],
  [172_800_000, "2 d"],
])("an age of %d ms is %s", (ms, want) => {
  expect(age(ms, translator("en"))).toBe(want);
});

test("times are in the viewer's zone, with the day when it is another", () => {
  const at = Date.parse("2026-11-23T20:05:06Z");
  const c = new Clock("en", at, "Asia/Shanghai");
  expect([c.zone, c.time(at), c.when(at, at), c.when(at, at - 86_400_000)]).toEqual(["GMT+8", "04:05:06", "04:05:06", "24 Nov 04:05:06"]);
});

test("the hash says the view and the selection, and reads back", () => {
  const p = { view: { zoom: 12.3, lat: 36.0671, lon: -120.3827 }, unit: "鲁B 1&2", fence: "gate-1" };
  expect(parseHash(formatHash(p))).toEqual(p);
  expect(formatHash({ view: null, unit: "", fence: "" })).toBe("");
  for (const bad of ["#map=99/0/0", "#map=3/91/0", "#map=x", "#map=3/0", "#%E0%A4%A"]) expect(parseHash(bad).view).toBeNull();
});

test("the list is ordered as people count, and searched by all words in any order", () => {
  const f = new Fleet();
  const fix = (speed: number) => ({ lat: 0, lon: 0, time: 1000, speed, course: UNKNOWN });
  f.list(
    [
      { id: "truck-10", name: "", kind: "", fix: fix(900) },
      { id: "truck-9", name: "", kind: "", fix: fix(0) },
      { id: "x1", name: "鲁B 12345", kind: "", fix: fix(0) },
    ],
    1000,
  );
  const order = ordered(f, "en");
  const ids = (rows: Int32Array) => Array.from(rows, (r) => f.id[r]);
  expect(ids(order)).toEqual(["truck-9", "truck-10", "x1"]);
  expect(ids(filtered(f, order, "10 TRUCK", null))).toEqual(["truck-10"]);
  expect(ids(filtered(f, order, "鲁b x", null))).toEqual(["x1"]);
  expect(ids(filtered(f, order, "", State.Moving))).toEqual(["truck-10"]);
  expect(ids(filtered(f, order, "nobody", null))).toEqual([]);
});

import { expect, test } from "vitest";
import { decodeCompleteness, decodeTrack, refusal, unitDetail, unitEntry } from "./api.ts";
import { CheckError } from "./check.ts";
import { UNKNOWN } from "./wire.ts";

test("a refusal keeps its field and its place, and a body that is none of ours still makes one", () => {
  const r = refusal(422, { error: { code: "invalid_fence", field: "geometry", message: "crosses itself", at: { lat: 36, lon: 120 } } });
  expect([r.status, r.field, r.message, r.at]).toEqual([422, "geometry", "crosses itself", { lat: 36, lon: 120 }]);
  expect(refusal(502, "<html>").message).toBe("HTTP 502");
});

test("a unit without a fix has none; unknown speed and course are unknown", () => {
  expect(unitEntry({ id: "u" }, "u")).toEqual({ id: "u", name: "", kind: "" });
  expect(
    unitEntry({ id: "u", lat: 1, lon: 2, time: "2026-11-23T04:05:06Z", speed_mps: 2.345, course_deg: 359.999 }, "u").fix,
  ).toMatchObject({ speed: 235, course: 0 });
  expect(unitEntry({ id: "u", lat: 1, lon: 2, time: "2026-11-23T04:05:06Z" }, "u").fix).toMatchObject({ speed: UNKNOWN, course: UNKNOWN });
  expect(() => unitEntry({ id: "u", lat: 91, lon: 2, time: "2026-11-23T04:05:06Z" }, "units[3]")).toThrow(
    new CheckError("units[3].lat", "91 is not within -90 to 90"),
  );
});

test("a unit's last fix is read where it stands", () => {
  const d = unitDetail({
    id: "u",
    name: "n",
    kind: "truck",
    lat: 36,
    lon: 120,
    fix: { hdop: 0.8, sats: { beidou: 9 } },
    visits: [{ fence: "f", since: "2026-11-23T04:05:06Z", at_start: true }],
  });
  expect(d).toMatchObject({ lat: 36, hdop: 0.8, sats: [["beidou", 9]], visits: [{ fence: "f", atStart: true }] });
  expect(Object.hasOwn(d, "altM")).toBe(false);
});

test("refused fixes are no part of a trail", () => {
  const t = decodeTrack({
    fixes: [
      { seq: 1, lat: 1, lon: 2, time: "2026-11-23T04:05:06Z", accepted: true },
      { seq: 2, lat: 80, lon: 2, time: "2026-11-23T04:05:07Z", accepted: false, reason: "jump" },
    ],
    truncated: true,
  });
  expect([t.points.length, t.truncated]).toEqual([1, true]);
});

test("completeness counts all series, one after the other", () => {
  const c = decodeCompleteness({
    unit: "a",
    series: 30,
    highest: 5,
    held: [[1, 3]],
    missing: [[4, 5]],
    earlier: [
      { series: 20, highest: 10, held: [[2, 10]], missing: [[1, 1]] },
      { series: 10, highest: 7, held: [[1, 7]], missing: [] },
    ],
  });
  expect(c).toEqual({
    highest: 22,
    held: [
      [1, 7],
      [9, 17],
      [18, 20],
    ],
    missing: [
      [8, 8],
      [21, 22],
    ],
  });
});

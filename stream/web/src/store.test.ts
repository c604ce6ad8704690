import { beforeEach, describe, expect, test } from "vitest";
import { mercatorX } from "./geo.ts";
import { Fleet, GLIDE_MS, LATE_MS, SILENT_MS, State, type UnitEntry } from "./store.ts";
import { type Positions, UNKNOWN } from "./wire.ts";

const NOW = 1_795_400_000_000;

/** A frame of rows [handle, lat, lon, time, speed m/s or undefined, course or undefined]. */
function frame(rows: [number, number, number, number, number?, number?][], snapshot = false): Positions {
  return {
    type: "positions",
    snapshot,
    n: rows.length,
    base: NOW,
    handle: Uint32Array.from(rows, (r) => r[0]),
    lat: Int32Array.from(rows, (r) => Math.round(r[1] * 1e7)),
    lon: Int32Array.from(rows, (r) => Math.round(r[2] * 1e7)),
    dt: Int32Array.from(rows, (r) => r[3] - NOW),
    speed: Uint16Array.from(rows, (r) => (r[4] === undefined ? UNKNOWN : r[4] * 100)),
    course: Uint16Array.from(rows, (r) => (r[5] === undefined ? UNKNOWN : r[5] * 100)),
  };
}

function entry(id: string, time: number, lat = 36, lon = 120): UnitEntry {
  return { id, name: "", kind: "truck", fix: { lat, lon, time, speed: 0, course: UNKNOWN } };
}

let f: Fleet;
beforeEach(() => {
  f = new Fleet();
  f.beginStream();
  f.apply(
    {
      type: "names",
      units: [
        { handle: 5, id: "truck-5", name: "鲁B5", kind: "truck" },
        { handle: 9, id: "truck-9", name: "", kind: "" },
      ],
    },
    NOW,
    0,
  );
});

describe("positions", () => {
  test("go to the rows their handles name", () => {
    f.apply(frame([[9, 36.1, 120.2, NOW, 10, 90]], true), NOW, 100);
    const r = f.row("truck-9");
    expect([f.lat[r], f.lon[r], f.time[r], f.speed[r], f.course[r]]).toEqual([361000000, 1202000000, NOW, 1000, 9000]);
    expect(f.state[r]).toBe(State.Moving);
    expect(f.label(r)).toBe("truck-9");
    expect(f.label(f.row("truck-5"))).toBe("鲁B5");
  });
  test("of a handle that was never named are passed over", () => {
    f.apply(frame([[77, 1, 1, NOW]]), NOW, 0);
    expect(f.size).toBe(2);
    expect(f.counts).toEqual([2, 0, 0, 0]);
  });
  test("that are older than what is known change nothing but that the unit is in view", () => {
    f.apply(frame([[5, 36, 120, NOW, 10, 0]]), NOW, 0);
    f.apply(frame([[5, 35, 119, NOW - 1000, 0, 0]]), NOW, 0);
    const r = f.row("truck-5");
    expect([f.lat[r], f.speed[r]]).toEqual([360000000, 1000]);
  });
  test("unknown speed stands still, and is not zero", () => {
    f.apply(frame([[5, 36, 120, NOW]]), NOW, 0);
    const r = f.row("truck-5");
    expect([f.speed[r], f.state[r]]).toEqual([UNKNOWN, State.Stopped]);
  });
});

describe("what is drawn", () => {
  test("the list's positions until the first snapshot, then only what the stream has in view", () => {
    f.list([entry("far", NOW)], NOW);
    const far = f.row("far");
    expect(f.drawn(far)).toBe(true);
    f.apply(frame([[5, 36, 120, NOW]], true), NOW, 0);
    f.apply({ type: "snapshot_end" }, NOW, 0);
    expect([f.drawn(far), f.drawn(f.row("truck-5"))]).toEqual([false, true]);
    f.apply({ type: "gone", handles: [5, 1234] }, NOW, 0);
    expect(f.drawn(f.row("truck-5"))).toBe(false);
  });
  test("cells in place of vehicles, and back with the next snapshot", () => {
    f.apply(frame([[5, 36, 120, NOW]], true), NOW, 0);
    f.apply({ type: "snapshot_end" }, NOW, 0);
    f.lookElsewhere();
    f.apply({ type: "cells", res: 3, total: 9, cells: [{ lat: 36, lon: 120, count: 9, moving: 2 }] }, NOW, 0);
    f.apply({ type: "snapshot_end" }, NOW, 0);
    expect([f.cells?.total, f.drawn(f.row("truck-5"))]).toEqual([9, false]);
    f.apply(frame([[5, 36, 120, NOW + 1]]), NOW, 0);
    expect(f.cells?.total).toBe(9);
    f.apply(frame([[5, 36, 120, NOW + 2]], true), NOW, 0);
    expect([f.cells, f.drawn(f.row("truck-5"))]).toEqual([null, true]);
  });
  test("cells go when a view with nobody in it is told", () => {
    f.apply({ type: "cells", res: 3, total: 9, cells: [] }, NOW, 0);
    f.lookElsewhere();
    f.apply({ type: "snapshot_end" }, NOW, 0);
    expect(f.cells).toBeNull();
  });
  test("a new connection forgets handles and views, and keeps the units", () => {
    f.apply(frame([[5, 36, 120, NOW]], true), NOW, 0);
    f.beginStream();
    expect(f.live[f.row("truck-5")]).toBe(0);
    f.apply(frame([[5, 37, 121, NOW + 1]]), NOW, 0);
    expect(f.lat[f.row("truck-5")]).toBe(360000000);
    expect(f.size).toBe(2);
  });
});

describe("states", () => {
  test("silence is told from the age of the fix, and ends with the next one", () => {
    f.apply(frame([[5, 36, 120, NOW, 10, 0]]), NOW, 0);
    const r = f.row("truck-5");
    expect(f.tick(NOW + LATE_MS + 1)).toBe(true);
    expect(f.tick(NOW + SILENT_MS)).toBe(false);
    expect(f.tick(NOW + SILENT_MS + 1)).toBe(true);
    expect([f.state[r], f.counts]).toEqual([State.Silent, [1, 0, 0, 1]]);
    f.apply(frame([[5, 36, 120, NOW + SILENT_MS, 10, 0]]), NOW + SILENT_MS + 2, 0);
    expect([f.state[r], f.counts]).toEqual([State.Moving, [1, 1, 0, 0]]);
  });
  test("a moving vehicle is late after a while, until its next fix or until it is silent; a parked one never", () => {
    f.apply(
      frame([
        [5, 36, 120, NOW, 10, 0],
        [9, 36, 120, NOW, 0, 0],
      ]),
      NOW,
      0,
    );
    const [r, parked] = [f.row("truck-5"), f.row("truck-9")];
    const late = () => [f.late[r], f.late[parked]];
    expect([f.tick(NOW + LATE_MS), late()]).toEqual([false, [0, 0]]);
    expect([f.tick(NOW + LATE_MS + 1), late()]).toEqual([true, [1, 0]]);
    expect(f.counts[State.Moving]).toBe(1);
    f.apply(frame([[5, 36, 120, NOW + LATE_MS, 10, 0]]), NOW + LATE_MS + 2, 0);
    expect(late()).toEqual([0, 0]);
    f.tick(NOW + LATE_MS + SILENT_MS + 1);
    expect([f.state[r], late()]).toEqual([State.Silent, [0, 0]]);
  });
  test("the counts add up, whatever comes", () => {
    for (let i = 0; i < 200; i++) {
      const units = [entry(`u${i % 50}`, NOW - ((i * 7919) % 400) * 1000)];
      f.list(units, NOW);
      f.apply(frame([[(i % 2) * 4 + 5, 36, 120, NOW + i, i % 3, 0]]), NOW, 0);
      f.tick(NOW + i * 1000);
      expect(f.counts.reduce((a, b) => a + b)).toBe(f.size);
      expect(Math.min(...f.counts)).toBeGreaterThanOrEqual(0);
    }
  });
});

describe("gliding", () => {
  const at: [number, number] = [0, 0];
  test("from where it is drawn to the new fix in one second", () => {
    f.apply(frame([[5, 36, 120, NOW]]), NOW, 1000);
    const r = f.row("truck-5");
    f.apply(frame([[5, 36, 120.01, NOW + 1000, 10, 90]]), NOW, 5000);
    f.shown(r, 5000 + GLIDE_MS / 2, at);
    expect(at[0]).toBeCloseTo((mercatorX(120) + mercatorX(120.01)) / 2, -1);
    f.shown(r, 5000 + GLIDE_MS, at);
    expect(at[0]).toBe(mercatorX(120.01));
  });
  test("takes the short way across 180°", () => {
    f.apply(frame([[5, 0, 179.999, NOW]]), NOW, 1000);
    f.apply(frame([[5, 0, -179.999, NOW + 1000]]), NOW, 5000);
    f.shown(f.row("truck-5"), 5000 + GLIDE_MS / 2, at);
    expect(Math.abs((at[0] - mercatorX(180)) | 0)).toBeLessThan(200);
  });
  test("the list moves what is in view as the stream does, and what is not at once", () => {
    f.apply(frame([[5, 36, 120, NOW]]), NOW, 1000);
    f.list([entry("far", NOW)], NOW, 1000);
    f.list([entry("truck-5", NOW + 2000, 36, 120.01), entry("far", NOW + 2000, 36, 120.01)], NOW, 5000);
    f.shown(f.row("truck-5"), 5000, at);
    expect(at[0]).toBe(mercatorX(120));
    f.shown(f.row("far"), 5000, at);
    expect(at[0]).toBe(mercatorX(120.01));
  });
  test("not across a gap in which nothing is known", () => {
    f.apply(frame([[5, 36, 120, NOW]]), NOW, 1000);
    f.apply(frame([[5, 36, 121, NOW + 60_000]]), NOW, 5000);
    f.shown(f.row("truck-5"), 5000, at);
    expect(at[0]).toBe(mercatorX(121));
  });
});

test("rows keep their place as the columns grow", () => {
  f.list(
    Array.from({ length: 5000 }, (_, i) => entry(`u${i}`, NOW, 30 + i / 1000)),
    NOW,
  );
  expect(f.size).toBe(5002);
  expect(f.lat[f.row("u4999")]).toBe(349990000);
  expect(f.row("u5000")).toBe(-1);
});

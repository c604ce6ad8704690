import { expect, test } from "vitest";
import { recentEvents } from "./api.ts";
import { Feed, MAX_EVENTS } from "./feed.ts";
import type { FenceEvent } from "./wire.ts";

function event(n: number, more: Partial<FenceEvent> = {}): FenceEvent {
  return {
    id: `e${n}`,
    cursor: String(n),
    kind: "enter",
    unit: "u",
    fence: "f",
    time: n * 1000,
    plusMinusS: 0,
    revision: 1,
    lat: 0,
    lon: 0,
    reason: "",
    retracted: false,
    ...more,
  };
}

test("newest first, each once, whatever the order of arrival", () => {
  const f = new Feed();
  for (const n of [3, 1, 2, 3, 5, 4]) f.add(event(n), n > 3);
  expect(f.events.map((e) => e.id)).toEqual(["e5", "e4", "e3", "e2", "e1"]);
  expect([...f.fresh]).toEqual(["e5", "e4"]);
});

test("a correction replaces what it corrects, and an old revision nothing", () => {
  const f = new Feed();
  f.add(event(1), true);
  f.add(event(2), true);
  expect(f.add(event(1, { cursor: "3", revision: 2, time: 9000 }), true)).toBe(true);
  expect(f.add(event(1), true)).toBe(false);
  expect(f.events.map((e) => [e.id, e.revision])).toEqual([
    ["e1", 2],
    ["e2", 1],
  ]);
});

test("what arrived is counted: neither the first ones nor corrections", () => {
  const f = new Feed();
  f.add(event(1), false);
  f.add(event(2), true);
  f.add(event(2, { revision: 2 }), true);
  f.add(event(3), true);
  expect(f.arrived).toBe(2);
});

test("the cursor is the farthest, not the last heard", () => {
  const f = new Feed();
  for (const n of [9, 10, 2]) f.add(event(n), false);
  expect(f.cursor).toBe("10");
});

test("keeps the newest of many", () => {
  const f = new Feed();
  for (let n = 1; n <= MAX_EVENTS + 20; n++) f.add(event(n), true);
  expect([f.events.length, f.events[0]!.id, f.fresh.size]).toEqual([MAX_EVENTS, `e${MAX_EVENTS + 20}`, MAX_EVENTS]);
});

test.each([0, 5, 999, 1000, 1001, 1200, 5000, 123_456])("finds the end of a log of %d events", async (size) => {
  let asked = 0;
  const events = await recentEvents(200, (after, limit) => {
    asked++;
    const from = after === "" ? 0 : Number(after);
    return Promise.resolve({
      events: Array.from({ length: Math.max(0, Math.min(limit, size - from)) }, (_, i) => event(from + i + 1)),
      next: "",
    });
  });
  expect(events[events.length - 1]?.id).toBe(size ? `e${size}` : undefined);
  expect(events.length).toBeGreaterThanOrEqual(Math.min(size, 200));
  expect(asked).toBeLessThan(30);
});

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Fleet, State, type UnitEntry } from "./store.ts";
import { type ListHost, listPeriod, UnitList } from "./unitlist.ts";
import { UNKNOWN } from "./wire.ts";

const NOW = 1_795_400_000_000;

/** What a slow service answers, oldest question first. */
let answers: { resolve: (u: UnitEntry[]) => void; reject: (e: Error) => void }[];
let host: ListHost;
let list: UnitList;

function entry(id: string, speed = 0): UnitEntry {
  return { id, name: "", kind: "truck", fix: { lat: 36, lon: 120, time: NOW - 1000, speed, course: UNKNOWN } };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(NOW);
  answers = [];
  host = { fleet: new Fleet(), tag: "en", now: () => NOW, changed: () => {}, listed: () => {} };
  list = new UnitList(host, () => new Promise((resolve, reject) => answers.push({ resolve, reject })));
});
afterEach(() => {
  vi.useRealTimers();
});

test.each([
  [0, 2000],
  [1999, 2000],
  [2000, 15_000],
  [10_000, 15_000],
  [10_001, 60_000],
])("a list of %d units is asked for every %d ms", (size, ms) => {
  expect(listPeriod(size)).toBe(ms);
});

test("it is asked for again when it is old, and never twice at a time", async () => {
  list.refresh();
  vi.setSystemTime(NOW + 60_000);
  list.refresh();
  expect(answers.length).toBe(1);
  answers[0]!.resolve([entry("a")]);
  await vi.advanceTimersByTimeAsync(0);
  expect(list.loaded).toBe(true);
  list.refresh();
  expect(answers.length).toBe(2);
  answers[1]!.resolve([]);
  await vi.advanceTimersByTimeAsync(0);
  vi.setSystemTime(NOW + 61_800);
  list.refresh();
  expect(answers.length).toBe(2);
  vi.setSystemTime(NOW + 61_950);
  list.refresh();
  expect(answers.length).toBe(3);
});

test("a failure is told until the list has come once, and not after", async () => {
  const first = list.load();
  answers[0]!.reject(new Error("away"));
  await first;
  expect([list.loaded, list.failure]).toEqual([false, "away"]);
  const second = list.load();
  answers[1]!.resolve([entry("a")]);
  await second;
  const third = list.load();
  answers[2]!.reject(new Error("away"));
  await third;
  expect([list.loaded, list.failure]).toEqual([true, ""]);
});

test("the rows follow the query and the state", async () => {
  const came = list.load();
  answers[0]!.resolve([entry("truck-10", 900), entry("truck-9")]);
  await came;
  const ids = () => Array.from(list.rows(), (r) => host.fleet.id[r]);
  expect(ids()).toEqual(["truck-9", "truck-10"]);
  list.setState(State.Moving);
  expect(ids()).toEqual(["truck-10"]);
  list.setState(null);
  list.setQuery("9");
  expect(ids()).toEqual(["truck-9"]);
});

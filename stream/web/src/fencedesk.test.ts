import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { toFeature, type FeatureJson, type Shape } from "./fence.ts";
import { type DeskHost, FenceDesk } from "./fencedesk.ts";
import { translator } from "./i18n/index.ts";

const SQUARE: Shape = {
  type: "polygon",
  polygons: [
    [
      [
        [120, 36],
        [120.1, 36],
        [120.1, 36.1],
        [120, 36.1],
      ],
    ],
  ],
};

/** A service that keeps fences as told and can be told to refuse. */
let stored: Map<string, FeatureJson>;
let refuse: { status: number; body: unknown } | null;
let calls: string[];
let drawn: string[];
let said: string[];
let desk: FenceDesk;

beforeEach(() => {
  stored = new Map();
  refuse = null;
  calls = [];
  drawn = [];
  said = [];
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    calls.push(`${init.method} ${url}`);
    const id = decodeURIComponent(/fences\/([^/]+)/.exec(url)?.[1] ?? "");
    if (refuse && init.method !== "GET") return Promise.resolve(new Response(JSON.stringify(refuse.body), { status: refuse.status }));
    if (init.method === "PUT") stored.set(id, JSON.parse(String(init.body)) as FeatureJson);
    if (init.method === "DELETE") stored.delete(id);
    if (init.method === "DELETE") return Promise.resolve(new Response(null, { status: 204 }));
    if (url.endsWith("/inside")) return Promise.resolve(new Response('{"inside":[{"unit":"truck-1","since":"2026-11-23T04:05:06.000Z"}]}'));
    return Promise.resolve(new Response(JSON.stringify({ type: "FeatureCollection", features: [...stored.values()] })));
  });
  const map = {
    draw: (t: string) => drawn.push(`draw ${t}`),
    edit: (s: Shape) => drawn.push(`edit ${s.type}`),
    endDrawing: () => drawn.push("end"),
    setFences: () => {},
    fit: () => {},
  } as unknown as NonNullable<DeskHost["map"]>;
  desk = new FenceDesk({
    map,
    box: { w: 120, s: 36, e: 121, n: 37 },
    t: translator("en"),
    tag: "en",
    changed: () => {},
    say: (m) => said.push(m),
    showFences: () => {},
    marked: () => {},
  });
});
afterEach(() => vi.unstubAllGlobals());

test("a fence is drawn, named, saved, and open in the list", async () => {
  desk.begin("polygon");
  expect([desk.draft?.drawing, drawn]).toEqual([true, ["draw polygon"]]);
  desk.drawn(SQUARE);
  desk.amend({ name: "Gate 1", speedLimitMps: 10 }, false);
  const id = desk.draft!.fence.id;
  await desk.save();
  expect([desk.draft, desk.marked, desk.list.map((f) => f.name), said]).toEqual([null, id, ["Gate 1"], ["Saved “Gate 1”"]]);
  expect(stored.get(id)?.properties).toEqual({ kind: "zone", name: "Gate 1", speed_limit_mps: 10 });
  await vi.waitFor(() => expect(desk.occupants).toEqual([{ unit: "truck-1", since: Date.parse("2026-11-23T04:05:06Z") }]));
});

test("a refusal stays beside the draft, and goes with the next change", async () => {
  desk.begin("polygon");
  desk.drawn(SQUARE);
  refuse = { status: 422, body: { error: { code: "invalid_fence", field: "geometry", message: "crosses itself", at: { lat: 36, lon: 120 } } } };
  await desk.save();
  expect([desk.draft?.saving, desk.draft?.refusal?.message, desk.draft?.refusal?.at]).toEqual([false, "crosses itself", { lat: 36, lon: 120 }]);
  desk.amend({ name: "x" }, false);
  expect(desk.draft?.refusal).toBeNull();
});

test("typed shapes lie in the view, and the map shows what is typed", () => {
  for (const tool of ["polygon", "circle", "corridor"] as const) {
    desk.begin(tool);
    desk.typeShape();
    expect([desk.draft?.drawing, desk.draft?.fence.shape.type]).toEqual([false, tool]);
  }
  desk.amend({ shape: { type: "circle", center: [120.5, 36.5], radiusM: 100 } }, true);
  expect(drawn.slice(-1)).toEqual(["edit circle"]);
  desk.cancel();
  expect([desk.draft, drawn.slice(-1)]).toEqual([null, ["end"]]);
});

test("a deleted fence is gone, and its name still known to the events that tell of it", async () => {
  stored.set("gate-1", toFeature({ id: "gate-1", name: "Gate 1", kind: "gate", shape: SQUARE, speedLimitMps: 0, dwellS: 0, revision: 0 }));
  await desk.load();
  desk.edit("gate-1");
  await desk.remove("gate-1");
  expect([desk.list, desk.draft, desk.marked, desk.label("gate-1")]).toEqual([[], null, "", "Gate 1"]);
  expect(calls).toContain("DELETE api/v1/fences/gate-1");
});

test("a role that may not delete is told so beside the fence", async () => {
  stored.set("gate-1", toFeature({ id: "gate-1", name: "Gate 1", kind: "gate", shape: SQUARE, speedLimitMps: 0, dwellS: 0, revision: 0 }));
  await desk.load();
  desk.edit("gate-1");
  refuse = { status: 403, body: { error: { code: "forbidden", field: "", message: "the token's role does not allow this" } } };
  await desk.remove("gate-1");
  expect([desk.list.length, desk.draft?.refusal?.message]).toEqual([1, "the token's role does not allow this"]);
});

test("a fence that is not understood hides no other", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  stored.set("moon", { type: "Feature", id: "moon", geometry: { type: "Hexagon", coordinates: [] }, properties: {} });
  stored.set("gate-1", toFeature({ id: "gate-1", name: "", kind: "gate", shape: SQUARE, speedLimitMps: 0, dwellS: 0, revision: 0 }));
  await desk.load();
  expect([desk.list.map((f) => f.id), desk.label("gate-1"), desk.failure]).toEqual([["gate-1"], "gate-1", ""]);
});

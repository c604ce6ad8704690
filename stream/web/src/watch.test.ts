import { afterEach, expect, test, vi } from "vitest";
import { Fleet } from "./store.ts";
import { UnitWatch } from "./watch.ts";

const NOW = 1_795_400_000_000;

afterEach(() => {
  vi.unstubAllGlobals();
});

test("the trail is counted before the completeness is asked for: it never has more fixes than were sent", async () => {
  let sent = 0;
  vi.stubGlobal("fetch", (url: string) => {
    sent += 5; // fixes go on coming while the panel loads
    const fix = (i: number) => ({ time: new Date(NOW + i * 1000).toISOString(), lat: 36, lon: 120, accepted: true });
    const fixes = Array.from({ length: sent }, (_, i) => fix(i));
    const body = url.includes("/track")
      ? { fixes, truncated: false }
      : url.includes("/completeness")
        ? { unit: "a", series: 1, highest: sent, held: [[1, sent]], missing: [] }
        : { id: "a", visits: [] };
    return Promise.resolve(new Response(JSON.stringify(body)));
  });
  const watch = new UnitWatch({ fleet: new Fleet(), map: null, now: () => NOW, changed: () => {} });
  watch.watch("a");
  await vi.waitFor(() => expect(watch.detail?.completeness).not.toBeNull());
  expect([watch.detail?.trailFixes, watch.detail?.completeness?.highest]).toEqual([10, 15]);
});

/** The service's HTTP API, as docs/openapi.yaml describes it. Every answer is checked; every refusal becomes an ApiError. */
import { array, CheckError, instant, type Json, maybe, number, object, text, whole, within } from "./check.ts";
import type { FeatureJson } from "./fence.ts";
import type { UnitEntry } from "./store.ts";
import { decodeEvent, type FenceEvent, UNKNOWN } from "./wire.ts";

/** What the service refused, with the field it was about and, for geometry, the place. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly field: string,
    message: string,
    readonly at?: { lat: number; lon: number },
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export interface Session {
  name: string;
  role: string;
}

export interface Tiles {
  url: string;
  attribution: string;
  crs: string;
}

/** A unit's last fix in full; what is unknown is absent. */
export interface UnitDetail {
  id: string;
  name: string;
  kind: string;
  time?: number;
  lat?: number;
  lon?: number;
  altM?: number;
  speedMps?: number;
  courseDeg?: number;
  errM?: number;
  hdop?: number;
  mode?: number;
  solution?: string;
  sats: [system: string, used: number][];
  visits: { fence: string; since: number; plusMinusS: number; atStart: boolean }[];
}

export interface TrackPoint {
  lat: number;
  lon: number;
  time: number;
  speedMps?: number;
}

export interface Track {
  points: TrackPoint[];
  truncated: boolean;
}

/** What is held of a unit's numbered fixes, and what is missing below the highest. */
export interface Completeness {
  highest: number;
  held: [number, number][];
  missing: [number, number][];
}

const BASE = "api/v1";

async function call(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<unknown> {
  const init: RequestInit = { method, credentials: "same-origin", headers: { Accept: "application/json" } };
  if (signal) init.signal = signal;
  if (body !== undefined) {
    init.headers = { Accept: "application/json", "Content-Type": "application/json" };
    init.body = JSON.stringify(body);
  }
  const r = await fetch(`${BASE}/${path}`, init);
  const source = await r.text();
  let v: unknown;
  try {
    v = source === "" ? {} : JSON.parse(source);
  } catch {
    v = undefined;
  }
  if (!r.ok) throw refusal(r.status, v);
  if (v === undefined) throw new CheckError(path, "the answer is not JSON");
  return v;
}

/** Reads the body {"error":{…}} of a refusal, whatever is missing from it. */
export function refusal(status: number, body: unknown): ApiError {
  try {
    const e = object(object(body, "body")["error"], "error");
    const at = maybe(e["at"], "at", object);
    const place = at && { lat: within(at["lat"], -90, 90, "at.lat"), lon: within(at["lon"], -180, 180, "at.lon") };
    return new ApiError(
      status,
      maybe(e["code"], "code", text) ?? "",
      maybe(e["field"], "field", text) ?? "",
      maybe(e["message"], "message", text) ?? "",
      place,
    );
  } catch {
    return new ApiError(status, "", "", `HTTP ${status}`);
  }
}

/** Who is signed in, and how far the service's clock is ahead of this machine's, in ms; null when nobody is signed in. */
export async function session(): Promise<{ session: Session; skew: number } | null> {
  const r = await fetch(`${BASE}/session`, { credentials: "same-origin", headers: { Accept: "application/json" } });
  if (r.status === 401) return null;
  const v: unknown = await r.json().catch(() => null);
  if (!r.ok) throw refusal(r.status, v);
  const s = object(v, "session");
  const date = Date.parse(r.headers.get("Date") ?? "");
  return {
    session: { name: maybe(s["name"], "name", text) ?? "", role: maybe(s["role"], "role", text) ?? "" },
    // The header has whole seconds: half of one is added.
    skew: Number.isNaN(date) ? 0 : date + 500 - Date.now(),
  };
}

export async function signIn(token: string): Promise<void> {
  await call("POST", "session", { token });
}

export async function signOut(): Promise<void> {
  await call("DELETE", "session");
}

/** The operator's tiles, or null for the base map the page carries. */
export async function tiles(): Promise<Tiles | null> {
  try {
    const t = maybe(object(await call("GET", "config"), "config")["tiles"], "tiles", object);
    const url = t && maybe(t["url"], "tiles.url", text);
    if (!t || !url) return null;
    return {
      url,
      attribution: maybe(t["attribution"], "tiles.attribution", text) ?? "",
      crs: maybe(t["crs"], "tiles.crs", text) ?? "wgs84",
    };
  } catch (e) {
    if (e instanceof ApiError) return null;
    throw e;
  }
}

export async function units(): Promise<UnitEntry[]> {
  const v = object(await call("GET", "units"), "answer");
  return array(v["units"], "units").map((u, i) => unitEntry(u, `units[${i}]`));
}

export function unitEntry(v: unknown, path: string): UnitEntry {
  const u = object(v, path);
  const entry: UnitEntry = {
    id: text(u["id"], `${path}.id`),
    name: maybe(u["name"], `${path}.name`, text) ?? "",
    kind: maybe(u["kind"], `${path}.kind`, text) ?? "",
  };
  const time = maybe(u["time"], `${path}.time`, instant);
  if (time === undefined) return entry;
  const speed = maybe(u["speed_mps"], `${path}.speed_mps`, number);
  const course = maybe(u["course_deg"], `${path}.course_deg`, number);
  entry.fix = {
    lat: within(u["lat"], -90, 90, `${path}.lat`),
    lon: within(u["lon"], -180, 180, `${path}.lon`),
    time,
    speed: speed === undefined || speed < 0 ? UNKNOWN : Math.min(UNKNOWN - 1, Math.round(speed * 100)),
    course: course === undefined ? UNKNOWN : Math.round((((course % 360) + 360) % 360) * 100) % 36000,
  };
  return entry;
}

export async function unit(id: string, signal?: AbortSignal): Promise<UnitDetail> {
  return unitDetail(await call("GET", `units/${encodeURIComponent(id)}`, undefined, signal));
}

/** Reads a unit; the fix's fields may stand in the unit itself or under "fix". */
export function unitDetail(v: unknown): UnitDetail {
  const u = object(v, "unit");
  const f: Json = { ...u, ...(maybe(u["fix"], "fix", object) ?? maybe(u["last"], "last", object) ?? {}) };
  const d: UnitDetail = {
    id: text(u["id"], "id"),
    name: maybe(u["name"], "name", text) ?? "",
    kind: maybe(u["kind"], "kind", text) ?? "",
    sats: Object.entries(maybe(f["sats"], "sats", object) ?? {}).map(([k, n]) => [k, whole(n, `sats.${k}`)]),
    visits: (maybe(u["visits"], "visits", array) ?? []).map((x, i) => {
      const w = object(x, `visits[${i}]`);
      return {
        fence: text(w["fence"], `visits[${i}].fence`),
        since: instant(w["since"], `visits[${i}].since`),
        plusMinusS: maybe(w["plus_minus_s"], `visits[${i}].plus_minus_s`, number) ?? 0,
        atStart: w["at_start"] === true,
      };
    }),
  };
  const put = <K extends keyof UnitDetail>(key: K, value: UnitDetail[K] | undefined) => {
    if (value !== undefined) d[key] = value;
  };
  put("time", maybe(f["time"], "time", instant));
  put("lat", maybe(f["lat"], "lat", number));
  put("lon", maybe(f["lon"], "lon", number));
  put("altM", maybe(f["alt_m"], "alt_m", number));
  put("speedMps", maybe(f["speed_mps"], "speed_mps", number));
  put("courseDeg", maybe(f["course_deg"], "course_deg", number));
  put("errM", maybe(f["err_m"], "err_m", number));
  put("hdop", maybe(f["hdop"], "hdop", number));
  put("mode", maybe(f["mode"], "mode", number));
  put("solution", maybe(f["solution"], "solution", text));
  return d;
}

export async function track(id: string, from: Date, to: Date, signal?: AbortSignal): Promise<Track> {
  const q = new URLSearchParams({ from: from.toISOString(), to: to.toISOString() });
  return decodeTrack(await call("GET", `units/${encodeURIComponent(id)}/track?${q}`, undefined, signal));
}

/** Reads a track; what the gate refused is not part of the way. */
export function decodeTrack(v: unknown): Track {
  const t = object(v, "track");
  const points: TrackPoint[] = [];
  array(t["fixes"] ?? t["track"], "fixes").forEach((x, i) => {
    const outer = object(x, `fixes[${i}]`);
    const f: Json = { ...outer, ...(maybe(outer["fix"], "fix", object) ?? {}) };
    if (f["accepted"] === false) return;
    const p: TrackPoint = {
      lat: within(f["lat"], -90, 90, `fixes[${i}].lat`),
      lon: within(f["lon"], -180, 180, `fixes[${i}].lon`),
      time: instant(f["time"], `fixes[${i}].time`),
    };
    const speed = maybe(f["speed_mps"], `fixes[${i}].speed_mps`, number);
    if (speed !== undefined) p.speedMps = speed;
    points.push(p);
  });
  return { points, truncated: t["truncated"] === true };
}

export async function completeness(id: string, signal?: AbortSignal): Promise<Completeness> {
  return decodeCompleteness(await call("GET", `units/${encodeURIComponent(id)}/completeness`, undefined, signal));
}

/** Reads what is held. An agent that was set up anew numbers from 1 again: its series are put one after the other, as one. */
export function decodeCompleteness(v: unknown): Completeness {
  const newest = object(v, "completeness");
  const earlier = (maybe(newest["earlier"], "earlier", array) ?? []).map((e, i) => object(e, `earlier[${i}]`));
  const all: Completeness = { highest: 0, held: [], missing: [] };
  const series = (s: Json) => maybe(s["series"], "series", whole) ?? 0;
  for (const s of [...earlier.sort((a, b) => series(a) - series(b)), newest]) {
    const before = all.highest;
    const ranges = (key: "held" | "missing") =>
      (maybe(s[key], key, array) ?? []).map((r, i): [number, number] => {
        const [first, last] = array(r, `${key}[${i}]`);
        return [before + whole(first, `${key}[${i}][0]`), before + whole(last, `${key}[${i}][1]`)];
      });
    all.held.push(...ranges("held"));
    all.missing.push(...ranges("missing"));
    all.highest += whole(s["highest"], "highest");
  }
  return all;
}

/** Events after a cursor, oldest first, and what to ask after next. */
export async function events(after: string, limit: number): Promise<{ events: FenceEvent[]; next: string }> {
  const q = new URLSearchParams({ limit: String(limit) });
  if (after) q.set("after", after);
  const v = object(await call("GET", `events?${q}`), "answer");
  const next = v["next"];
  return {
    events: array(v["events"], "events").map((e, i) => decodeEvent(e, `events[${i}]`)),
    next: typeof next === "number" ? String(next) : (maybe(next, "next", text) ?? ""),
  };
}

/** One page of events: what recentEvents asks again and again. */
export type EventPage = (after: string, limit: number) => Promise<{ events: FenceEvent[]; next: string }>;

/** The most events one answer has. */
const MOST_EVENTS = 1000;

/**
 * About the newest events, at least limit where there are so many. The log is told from its beginning, so its end is looked for by
 * doubling and halving: some 30 small requests for a log of a thousand million, one for a log that fits one answer.
 */
export async function recentEvents(limit: number, page: EventPage = events): Promise<FenceEvent[]> {
  const first = await page("", MOST_EVENTS);
  const last = first.events[first.events.length - 1];
  if (!last || first.events.length < MOST_EVENTS || !/^\d+$/.test(last.cursor)) return first.events;
  const more = async (after: bigint) => (await page(String(after), 1)).events.length > 0;
  let known = BigInt(last.cursor);
  let step = BigInt(MOST_EVENTS);
  while (await more(known + step)) {
    known += step;
    step *= 2n;
  }
  // The end lies within (known, known + step].
  for (; step > BigInt(limit); step /= 2n) if (await more(known + step / 2n)) known += step / 2n;
  const from = known > BigInt(limit) ? known - BigInt(limit) : 0n;
  return (await page(String(from), MOST_EVENTS)).events;
}

export async function fences(): Promise<FeatureJson[]> {
  const v = object(await call("GET", "fences"), "answer");
  return array(v["features"] ?? v["fences"], "features").map((f) => f as FeatureJson);
}

export async function putFence(id: string, feature: FeatureJson): Promise<void> {
  await call("PUT", `fences/${encodeURIComponent(id)}`, feature);
}

export async function deleteFence(id: string): Promise<void> {
  await call("DELETE", `fences/${encodeURIComponent(id)}`);
}

/** Who is inside a fence, and since when. */
export async function inside(id: string, signal?: AbortSignal): Promise<{ unit: string; since: number }[]> {
  const v = object(await call("GET", `fences/${encodeURIComponent(id)}/inside`, undefined, signal), "answer");
  return array(v["inside"] ?? v["units"], "inside").map((x, i) => {
    const o = object(x, `inside[${i}]`);
    return { unit: text(o["unit"] ?? o["id"], `inside[${i}].unit`), since: instant(o["since"], `inside[${i}].since`) };
  });
}

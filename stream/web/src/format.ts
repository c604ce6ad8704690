/** Numbers, times and places as people read them. Nothing here is read back. */
import type { FenceKind } from "./fence.ts";
import { TAGS, type Language, type Translate } from "./i18n/index.ts";
import { UNKNOWN } from "./wire.ts";

/** Vessels are told in knots, all else in km/h. */
export function nautical(kind: string): boolean {
  return /vessel|ship|boat|tug|ferry/i.test(kind);
}

const KNOTS = { unit: "kn", perMps: 1.943844 } as const;
const KMH = { unit: "km/h", perMps: 3.6 } as const;

/** A speed in m/s with its unit, for a vehicle of a kind. */
export function speed(mps: number, kind: string): string {
  return nautical(kind) ? `${(mps * KNOTS.perMps).toFixed(1)} kn` : `${Math.round(mps * KMH.perMps)} km/h`;
}

/** In what a fence's speed limit is told: fences on water in knots. */
export function limitUnit(kind: FenceKind): typeof KNOTS | typeof KMH {
  return kind === "corridor" || kind === "anchorage" || kind === "berth" ? KNOTS : KMH;
}

/** A fence's speed limit with its unit: whole km/h, knots to a tenth where they have one. */
export function limit(mps: number, kind: FenceKind): string {
  const u = limitUnit(kind);
  return u === KNOTS ? `${Math.round(mps * u.perMps * 10) / 10} ${u.unit}` : `${Math.round(mps * u.perMps)} ${u.unit}`;
}

/** A speed column in cm/s; "–" when unknown. */
export function speedColumn(cmps: number, kind: string): string {
  return cmps === UNKNOWN ? "–" : speed(cmps / 100, kind);
}

const WINDS = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"] as const;

export function course(deg: number): string {
  return `${String(Math.round(deg) % 360).padStart(3, "0")}° ${WINDS[Math.round(deg / 45) % 8]!}`;
}

export function place(lat: number, lon: number): string {
  return `${Math.abs(lat).toFixed(5)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(5)}° ${lon < 0 ? "W" : "E"}`;
}

/** How long ago: seconds to two minutes, minutes to two hours, hours to two days, then days. */
export function age(ms: number, t: Translate): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 120) return t("age.s", { n: s });
  if (s < 7200) return t("age.min", { n: Math.floor(s / 60) });
  if (s < 172_800) return t("age.h", { n: Math.floor(s / 3600) });
  return t("age.d", { n: Math.floor(s / 86_400) });
}

/** Times in the viewer's zone. */
export class Clock {
  private readonly short: Intl.DateTimeFormat;
  private readonly day: Intl.DateTimeFormat;
  private readonly full: Intl.DateTimeFormat;
  /** The zone's own name for itself, as GMT+8. */
  readonly zone: string;

  constructor(language: Language, now: number, timeZone?: string) {
    const zone = timeZone ? { timeZone } : {};
    const tag = TAGS[language];
    this.short = new Intl.DateTimeFormat(tag, { ...zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
    this.day = new Intl.DateTimeFormat(tag, { ...zone, month: "short", day: "numeric" });
    this.full = new Intl.DateTimeFormat(tag, { ...zone, dateStyle: "medium", timeStyle: "long" });
    const parts = new Intl.DateTimeFormat("en", { ...zone, timeZoneName: "shortOffset" }).formatToParts(now);
    this.zone = parts.find((p) => p.type === "timeZoneName")?.value ?? "";
  }

  time(ms: number): string {
    return this.short.format(ms);
  }

  /** The time, and the day when it is not today. */
  when(ms: number, now: number): string {
    return this.day.format(ms) === this.day.format(now) ? this.time(ms) : `${this.day.format(ms)} ${this.time(ms)}`;
  }

  long(ms: number): string {
    return this.full.format(ms);
  }
}

export function integer(n: number, language: Language): string {
  return n.toLocaleString(TAGS[language]);
}

/** An event's time that is told no better than this is not to be read to the second. */
const VAGUE_S = 15;

export function vague(plusMinusS: number): boolean {
  return plusMinusS > VAGUE_S;
}

/** What a vehicle did at a fence; a kind that the page does not know is said by its own name. */
export function eventVerb(kind: string, t: Translate): string {
  switch (kind) {
    case "enter":
    case "exit":
    case "inside_at_start":
    case "dwell":
    case "overspeed":
      return t(`event.${kind}`);
    default:
      return kind;
  }
}

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CheckError } from "./check.ts";
import { decodeEvent, decodeFrame, decodeText, encodeRequest, type Request, UNKNOWN } from "./wire.ts";

// The contract with the service: its tests read the same file.
interface Vectors {
  frames: {
    name: string;
    hex: string;
    snapshot: boolean;
    base_ms: number;
    units: { handle: number; lat: number; lon: number; time_ms: number; speed_mps?: number; course_deg?: number }[];
  }[];
  bad_frames: { name: string; hex: string; path: string }[];
  texts: { name: string; text: unknown; means: unknown }[];
  bad_texts: { name: string; text: string; path: string }[];
  requests: { name: string; text: string }[];
}
const vectors = JSON.parse(readFileSync(new URL("../../../testdata/stream/live-frames.json", import.meta.url), "utf8")) as Vectors;

function bytes(hex: string): ArrayBuffer {
  const b = Buffer.from(hex, "hex");
  return b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength);
}

function pathOf(fn: () => unknown): string {
  try {
    fn();
  } catch (e) {
    if (e instanceof CheckError) return e.path;
    throw e;
  }
  return "accepted";
}

describe("binary frames", () => {
  test.each(vectors.frames)("$name", (v) => {
    const f = decodeFrame(bytes(v.hex));
    const units = Array.from({ length: f.n }, (_, i) => ({
      handle: f.handle[i],
      lat: f.lat[i]! / 1e7,
      lon: f.lon[i]! / 1e7,
      time_ms: f.base + f.dt[i]!,
      ...(f.speed[i] === UNKNOWN ? {} : { speed_mps: f.speed[i]! / 100 }),
      ...(f.course[i] === UNKNOWN ? {} : { course_deg: f.course[i]! / 100 }),
    }));
    expect({ snapshot: f.snapshot, base_ms: f.base, units }).toEqual({ snapshot: v.snapshot, base_ms: v.base_ms, units: v.units });
  });
  test.each(vectors.bad_frames)("refused: $name", (v) => {
    expect(pathOf(() => decodeFrame(bytes(v.hex)))).toBe(v.path);
  });
  test("no cut or bit flip of a frame does anything but decode or be refused", () => {
    const whole = Buffer.from(vectors.frames[1]!.hex, "hex");
    for (let i = 0; i < whole.length * 8; i++) {
      const b = Buffer.from(whole);
      b[i >> 3]! ^= 1 << (i & 7);
      expect(() => pathOf(() => decodeFrame(bytes(b.toString("hex"))))).not.toThrow();
    }
    for (let n = 0; n < whole.length; n++)
      expect(pathOf(() => decodeFrame(bytes(whole.subarray(0, n).toString("hex"))))).not.toBe("accepted");
  });
});

describe("texts", () => {
  test.each(vectors.texts)("$name", (v) => {
    expect(decodeText(JSON.stringify(v.text))).toEqual(v.means);
  });
  test.each(vectors.bad_texts)("refused: $name", (v) => {
    expect(pathOf(() => decodeText(v.text))).toBe(v.path);
  });
  test("a numeric cursor is taken as its text", () => {
    const e = { id: "a", cursor: 9, kind: "exit", unit: "u", fence: "f", time: "2026-11-23T04:05:06Z", lat: 0, lon: 0 };
    expect(decodeEvent(e, "event").cursor).toBe("9");
  });
});

describe("requests", () => {
  test.each(vectors.requests)("$name", (v) => {
    expect(encodeRequest(JSON.parse(v.text) as Request)).toBe(v.text);
  });
});

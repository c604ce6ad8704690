/**
 * The live stream's messages, as docs/wire.md ("Live") describes them: texts of JSON, and binary frames of positions. A message is
 * unknown until it has been through here. The vectors of testdata/stream are read by this file's tests and by the service's.
 */
import { array, CheckError, instant, type Json, maybe, number, object, text, whole, within } from "./check.ts";

/** What a 16-bit column says when the value is not known. */
export const UNKNOWN = 0xffff;

/** Positions of n units in columns; the arrays are views into the message's own buffer. */
export interface Positions {
  type: "positions";
  /** True for frames that belong to the snapshot a view begins with. */
  snapshot: boolean;
  n: number;
  /** Unix milliseconds; dt is counted from here. */
  base: number;
  handle: Uint32Array;
  /** 1e-7 degrees, WGS-84. */
  lat: Int32Array;
  lon: Int32Array;
  /** Milliseconds from base to the fix. */
  dt: Int32Array;
  /** cm/s, UNKNOWN when not known. */
  speed: Uint16Array;
  /** 0.01 degrees from true north, UNKNOWN when not known. */
  course: Uint16Array;
}

export const EVENT_KINDS = ["enter", "exit", "inside_at_start", "dwell", "overspeed"] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** One entry of the ledger of visits. A correction has the same id and a higher revision. */
export interface FenceEvent {
  id: string;
  /** Where the event stands in the order of telling; what to resume after. */
  cursor: string;
  /** A kind that this page does not know yet is shown by its own name. */
  kind: EventKind | (string & {});
  unit: string;
  fence: string;
  /** Unix milliseconds, interpolated between the fixes around the crossing. */
  time: number;
  plusMinusS: number;
  revision: number;
  lat: number;
  lon: number;
  reason: string;
  retracted: boolean;
}

/** A cell of many units, told in place of the units themselves when far out. */
export interface Cell {
  lat: number;
  lon: number;
  count: number;
  moving: number;
}

export interface Name {
  handle: number;
  id: string;
  name: string;
  kind: string;
}

export type Message =
  | Positions
  | { type: "names"; units: Name[] }
  | { type: "gone"; handles: number[] }
  | { type: "event"; event: FenceEvent }
  | { type: "cells"; res: number; total: number; cells: Cell[] }
  | { type: "snapshot_end" }
  | { type: "fences_changed" }
  | { type: "error"; code: string; field: string; message: string };

const HEADER = 24;
const ROW = 20;
const MAX_ROWS = 1 << 20;
const TYPE_POSITIONS = 1;
const VERSION = 1;
const FLAG_SNAPSHOT = 1;

/** Decodes a binary message. Throws CheckError for one that does not follow the format, whole: no part of it is used. */
export function decodeFrame(buffer: ArrayBuffer): Positions {
  if (buffer.byteLength < HEADER) throw new CheckError("frame", `${buffer.byteLength} bytes, the header alone has ${HEADER}`);
  const head = new DataView(buffer);
  if (head.getUint8(0) !== TYPE_POSITIONS) throw new CheckError("frame.type", `${head.getUint8(0)} is not known`);
  if (head.getUint8(1) !== VERSION) throw new CheckError("frame.version", `${head.getUint8(1)} is not known`);
  const n = head.getUint32(4, true);
  if (n > MAX_ROWS || buffer.byteLength !== HEADER + n * ROW)
    throw new CheckError("frame.n", `${n} rows do not make ${buffer.byteLength} bytes`);
  const base = Number(head.getBigInt64(8, true));
  if (!Number.isSafeInteger(base)) throw new CheckError("frame.base", "out of range");
  const column = (i: number) => HEADER + i * 4 * n;
  const frame: Positions = {
    type: "positions",
    snapshot: (head.getUint16(2, true) & FLAG_SNAPSHOT) !== 0,
    n,
    base,
    handle: new Uint32Array(buffer, column(0), n),
    lat: new Int32Array(buffer, column(1), n),
    lon: new Int32Array(buffer, column(2), n),
    dt: new Int32Array(buffer, column(3), n),
    speed: new Uint16Array(buffer, column(4), n),
    course: new Uint16Array(buffer, column(4) + 2 * n, n),
  };
  for (let i = 0; i < n; i++) {
    if (Math.abs(frame.lat[i]!) > 90e7) throw new CheckError(`frame.lat[${i}]`, "beyond a pole");
    if (Math.abs(frame.lon[i]!) > 180e7) throw new CheckError(`frame.lon[${i}]`, "beyond 180°");
  }
  return frame;
}

/** Decodes a text message. Null for a type that this page does not know: a newer service may say more. */
export function decodeText(source: string): Message | null {
  let v: unknown;
  try {
    v = JSON.parse(source);
  } catch {
    throw new CheckError("message", "not JSON");
  }
  const m = object(v, "message");
  const type = text(m["type"], "type");
  switch (type) {
    case "names":
      return { type, units: array(m["units"], "units").map((u, i) => decodeName(u, `units[${i}]`)) };
    case "gone":
      return { type, handles: array(m["handles"], "handles").map((h, i) => whole(h, `handles[${i}]`)) };
    case "event":
      return { type, event: decodeEvent(m, "event") };
    case "cells":
      return {
        type,
        res: whole(m["res"], "res"),
        total: whole(m["total"], "total"),
        cells: array(m["cells"], "cells").map((c, i) => decodeCell(c, `cells[${i}]`)),
      };
    case "snapshot_end":
    case "fences_changed":
      return { type };
    case "error":
      return {
        type,
        code: maybe(m["code"], "code", text) ?? "",
        field: maybe(m["field"], "field", text) ?? "",
        message: maybe(m["message"], "message", text) ?? "",
      };
    default:
      return null;
  }
}

function decodeName(v: unknown, path: string): Name {
  const [handle, id, name, kind] = array(v, path);
  return {
    handle: whole(handle, `${path}[0]`),
    id: text(id, `${path}[1]`),
    name: maybe(name, `${path}[2]`, text) ?? "",
    kind: maybe(kind, `${path}[3]`, text) ?? "",
  };
}

function decodeCell(v: unknown, path: string): Cell {
  const [lat, lon, count, moving] = array(v, path);
  return {
    lat: within(lat, -90, 90, `${path}[0]`),
    lon: within(lon, -180, 180, `${path}[1]`),
    count: whole(count, `${path}[2]`),
    moving: whole(moving, `${path}[3]`),
  };
}

/** An event as the stream and /api/v1/events both write it. */
export function decodeEvent(v: unknown, path: string): FenceEvent {
  const m: Json = object(v, path);
  const cursor = m["cursor"];
  return {
    id: text(m["id"], `${path}.id`),
    cursor: typeof cursor === "number" ? String(whole(cursor, `${path}.cursor`)) : (maybe(cursor, `${path}.cursor`, text) ?? ""),
    kind: text(m["kind"], `${path}.kind`),
    unit: text(m["unit"], `${path}.unit`),
    fence: text(m["fence"], `${path}.fence`),
    time: instant(m["time"], `${path}.time`),
    plusMinusS: maybe(m["plus_minus_s"], `${path}.plus_minus_s`, number) ?? 0,
    revision: maybe(m["revision"], `${path}.revision`, whole) ?? 1,
    lat: within(m["lat"], -90, 90, `${path}.lat`),
    lon: within(m["lon"], -180, 180, `${path}.lon`),
    reason: maybe(m["reason"], `${path}.reason`, text) ?? "",
    retracted: m["retracted"] === true,
  };
}

/** What the page may ask of the stream. */
export type Request =
  | { op: "view"; bbox: [west: number, south: number, east: number, north: number]; zoom: number }
  | { op: "events"; after: string }
  | { op: "follow"; unit: string };

export function encodeRequest(r: Request): string {
  return JSON.stringify(r);
}

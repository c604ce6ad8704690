/**
 * Checks of what came from outside. Each takes an unknown value and the path it was found at, and returns it with its type or throws a
 * CheckError that names the path and what was wrong: nothing from the network is used before it has been through here.
 */
export class CheckError extends Error {
  constructor(
    readonly path: string,
    readonly reason: string,
  ) {
    super(`${path}: ${reason}`);
    this.name = "CheckError";
  }
}

export type Json = Record<string, unknown>;

export function object(v: unknown, path: string): Json {
  if (typeof v !== "object" || v === null || Array.isArray(v)) throw new CheckError(path, "not an object");
  return v as Json;
}

export function array(v: unknown, path: string): unknown[] {
  if (!Array.isArray(v)) throw new CheckError(path, "not an array");
  return v;
}

export function text(v: unknown, path: string): string {
  if (typeof v !== "string") throw new CheckError(path, "not a string");
  return v;
}

export function number(v: unknown, path: string): number {
  if (typeof v !== "number" || !Number.isFinite(v)) throw new CheckError(path, "not a finite number");
  return v;
}

export function within(v: unknown, low: number, high: number, path: string): number {
  const n = number(v, path);
  if (n < low || n > high) throw new CheckError(path, `${n} is not within ${low} to ${high}`);
  return n;
}

export function whole(v: unknown, path: string): number {
  const n = number(v, path);
  if (!Number.isSafeInteger(n) || n < 0) throw new CheckError(path, `${n} is not a whole number from 0`);
  return n;
}

/** Unix milliseconds of an RFC 3339 time. */
export function instant(v: unknown, path: string): number {
  const s = text(v, path);
  const t = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(s) ? Date.parse(s) : Number.NaN;
  if (Number.isNaN(t)) throw new CheckError(path, `${JSON.stringify(s.slice(0, 40))} is not a time`);
  return t;
}

/** Undefined for what is absent or null, else what check makes of it. */
export function maybe<T>(v: unknown, path: string, check: (v: unknown, path: string) => T): T | undefined {
  return v === undefined || v === null ? undefined : check(v, path);
}

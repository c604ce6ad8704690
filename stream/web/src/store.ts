/**
 * The fleet as the page knows it, in columns of typed arrays: a row is a unit, rows are never removed or moved. Messages are applied
 * in place; whoever draws looks at the revisions once per frame.
 */
import { mercatorX, mercatorY } from "./geo.ts";
import { type Cell, type Message, type Name, type Positions, UNKNOWN } from "./wire.ts";

/** What a vehicle is doing, told on the map by shape and colour. The numbers are also the shader's. */
export const State = { Unplaced: 0, Moving: 1, Stopped: 2, Silent: 3 } as const;
export type State = (typeof State)[keyof typeof State];
export const STATES = [State.Moving, State.Stopped, State.Silent] as const;

/** Slower than this stands still: above what receivers report for a parked vehicle, and the service's own limit for its counts. */
export const MOVING_CMPS = 50;
/** A unit that has told nothing for this long is silent. */
export const SILENT_MS = 180_000;
/** A moving vehicle that has told nothing for this long may be elsewhere by now: it is drawn faded until it is silent. */
export const LATE_MS = 15_000;
/** How long a vehicle glides from the fix before to the newest one. Longer gaps jump: between far fixes nothing is known. */
export const GLIDE_MS = 1000;
const GLIDE_MAX_GAP_MS = 15_000;

/** A unit as GET /api/v1/units lists it. */
export interface UnitEntry {
  id: string;
  name: string;
  kind: string;
  /** Absent for a unit that has never had a fix. */
  fix?: { lat: number; lon: number; time: number; speed: number; course: number };
}

export interface Aggregate {
  res: number;
  total: number;
  cells: Cell[];
}

export class Fleet {
  size = 0;
  id: string[] = [];
  name: string[] = [];
  kind: string[] = [];
  /** What the search looks through: name and id in lower case. */
  needle: string[] = [];
  lat = new Int32Array(0);
  lon = new Int32Array(0);
  /** Unix milliseconds of the last fix, 0 when there is none. */
  time = new Float64Array(0);
  speed = new Uint16Array(0);
  course = new Uint16Array(0);
  state = new Uint8Array(0);
  /** 1 for a moving vehicle whose last fix is older than LATE_MS. */
  late = new Uint8Array(0);
  /** 1 while the stream reports the unit as in view. */
  live = new Uint8Array(0);
  /** The drawn way: from → to in whole mercator steps, begun at glide (page milliseconds). */
  fromX = new Int32Array(0);
  fromY = new Int32Array(0);
  toX = new Int32Array(0);
  toY = new Int32Array(0);
  glide = new Float64Array(0);

  /** Grows with every change of a position or a state. */
  moved = 0;
  /** Grows when a unit is new or renamed. */
  roster = 0;
  /** How many are moving, stopped and silent, by State. */
  counts = [0, 0, 0, 0];
  /** Set when the service tells cells in place of vehicles. */
  cells: Aggregate | null = null;
  /** True once a whole snapshot of a view has come since the stream began. */
  settled = false;
  /** Page milliseconds until which something glides. */
  glidingUntil = 0;

  private cellsTold = false;
  private readonly rows = new Map<string, number>();
  private readonly handles = new Map<number, number>();

  row(id: string): number {
    return this.rows.get(id) ?? -1;
  }

  /** Begins a new connection: handles are the connection's own, and what is in view must be told again. */
  beginStream(): void {
    this.handles.clear();
    this.live.fill(0);
    this.cells = null;
    this.settled = false;
    this.moved++;
  }

  /** Another view was asked for: whether it is told as cells is open again. */
  lookElsewhere(): void {
    this.cellsTold = false;
  }

  /** Applies one message of the stream. now is Unix milliseconds, page the milliseconds of the page's own clock. */
  apply(m: Message, now: number, page: number): void {
    switch (m.type) {
      case "names":
        for (const u of m.units) this.meet(u);
        return;
      case "positions":
        this.applyPositions(m, now, page);
        return;
      case "gone":
        for (const h of m.handles) {
          const r = this.handles.get(h);
          if (r !== undefined) this.live[r] = 0;
        }
        this.moved++;
        return;
      case "cells":
        this.cellsTold = true;
        this.cells = { res: m.res, total: m.total, cells: m.cells };
        this.live.fill(0);
        this.moved++;
        return;
      case "snapshot_end":
        if (!this.cellsTold) this.cells = null;
        this.settled = true;
        this.moved++;
        return;
      case "event":
      case "fences_changed":
      case "error":
        return;
    }
  }

  private meet(u: Name): void {
    const r = this.add(u.id);
    this.handles.set(u.handle, r);
    this.rename(r, u.name, u.kind);
  }

  private applyPositions(p: Positions, now: number, page: number): void {
    // One that belongs to no snapshot may be the followed unit's, told beside the cells.
    if (p.snapshot) this.cells = null;
    for (let i = 0; i < p.n; i++) {
      const r = this.handles.get(p.handle[i]!);
      if (r === undefined) continue;
      this.live[r] = 1;
      this.place(r, p.lat[i]!, p.lon[i]!, p.base + p.dt[i]!, p.speed[i]!, p.course[i]!, now, p.snapshot ? 0 : page);
    }
    this.moved++;
  }

  /** Takes the list of all units. What the stream has told since is newer and stays; what is in view glides as the stream's would. */
  list(units: UnitEntry[], now: number, page = 0): void {
    for (const u of units) {
      const r = this.add(u.id);
      this.rename(r, u.name, u.kind);
      const f = u.fix;
      if (!f || f.time <= this.time[r]!) continue;
      const glide = this.live[r] === 1 ? page : 0;
      this.place(r, Math.round(f.lat * 1e7), Math.round(f.lon * 1e7), f.time, f.speed, f.course, now, glide);
    }
    this.moved++;
  }

  /** Decides again who is late and who is silent. True when anything changed. */
  tick(now: number): boolean {
    let changed = false;
    for (let r = 0; r < this.size; r++) if (this.setState(r, now)) changed = true;
    if (changed) this.moved++;
    return changed;
  }

  /** Whether the map should draw the row as a vehicle of its own. */
  drawn(r: number): boolean {
    return this.time[r]! > 0 && (this.live[r] === 1 || (!this.settled && this.cells === null));
  }

  /** page 0: no glide. */
  private place(r: number, lat: number, lon: number, time: number, speed: number, course: number, now: number, page: number): void {
    if (time < this.time[r]!) return;
    const x = mercatorX(lon / 1e7);
    const y = mercatorY(lat / 1e7);
    const gap = time - this.time[r]!;
    const glides = page > 0 && this.time[r]! > 0 && gap > 0 && gap <= GLIDE_MAX_GAP_MS;
    if (glides) {
      this.shown(r, page, this.at);
      this.fromX[r] = this.at[0];
      this.fromY[r] = this.at[1];
      this.glide[r] = page;
      this.glidingUntil = Math.max(this.glidingUntil, page + GLIDE_MS);
    } else if (gap > 0) {
      this.fromX[r] = x;
      this.fromY[r] = y;
      this.glide[r] = -GLIDE_MS;
    }
    this.toX[r] = x;
    this.toY[r] = y;
    this.lat[r] = lat;
    this.lon[r] = lon;
    this.time[r] = time;
    this.speed[r] = speed;
    this.course[r] = course;
    this.setState(r, now);
  }

  private readonly at: [number, number] = [0, 0];

  /** Where the row is drawn at a page time, in mercator steps. */
  shown(r: number, page: number, out: [number, number]): void {
    const k = Math.min(1, Math.max(0, (page - this.glide[r]!) / GLIDE_MS));
    out[0] = (this.fromX[r]! + Math.round(((this.toX[r]! - this.fromX[r]!) | 0) * k)) | 0;
    out[1] = (this.fromY[r]! + Math.round(((this.toY[r]! - this.fromY[r]!) | 0) * k)) | 0;
  }

  private judge(r: number, now: number): State {
    const t = this.time[r]!;
    if (t === 0) return State.Unplaced;
    if (now - t > SILENT_MS) return State.Silent;
    const v = this.speed[r]!;
    return v !== UNKNOWN && v >= MOVING_CMPS ? State.Moving : State.Stopped;
  }

  /** True when it is another one than before. */
  private setState(r: number, now: number): boolean {
    const s = this.judge(r, now);
    const late = s === State.Moving && now - this.time[r]! > LATE_MS ? 1 : 0;
    if (s === this.state[r] && late === this.late[r]) return false;
    this.counts[this.state[r]!]!--;
    this.counts[s]!++;
    this.state[r] = s;
    this.late[r] = late;
    return true;
  }

  private add(id: string): number {
    const known = this.rows.get(id);
    if (known !== undefined) return known;
    if (this.size === this.lat.length) this.grow(Math.max(1024, this.size * 2));
    const r = this.size++;
    this.rows.set(id, r);
    this.id.push(id);
    this.name.push("");
    this.kind.push("");
    this.needle.push(id.toLowerCase());
    this.glide[r] = -GLIDE_MS;
    this.counts[State.Unplaced]!++;
    this.roster++;
    return r;
  }

  private rename(r: number, name: string, kind: string): void {
    if (this.name[r] === name && this.kind[r] === kind) return;
    this.name[r] = name;
    this.kind[r] = kind;
    this.needle[r] = `${name} ${this.id[r]!}`.toLowerCase();
    this.roster++;
  }

  private grow(n: number): void {
    const copy = <T extends Int32Array | Float64Array | Uint16Array | Uint8Array>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.lat = copy(new Int32Array(n), this.lat);
    this.lon = copy(new Int32Array(n), this.lon);
    this.time = copy(new Float64Array(n), this.time);
    this.speed = copy(new Uint16Array(n), this.speed);
    this.course = copy(new Uint16Array(n), this.course);
    this.state = copy(new Uint8Array(n), this.state);
    this.late = copy(new Uint8Array(n), this.late);
    this.live = copy(new Uint8Array(n), this.live);
    this.fromX = copy(new Int32Array(n), this.fromX);
    this.fromY = copy(new Int32Array(n), this.fromY);
    this.toX = copy(new Int32Array(n), this.toX);
    this.toY = copy(new Int32Array(n), this.toY);
    this.glide = copy(new Float64Array(n), this.glide);
  }

  /** What the unit is called: its name, or its id when it has none. */
  label(r: number): string {
    return this.name[r] || this.id[r]!;
  }
}

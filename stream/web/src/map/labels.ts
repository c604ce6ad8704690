/**
 * Names on the map, drawn on a canvas above it with the fonts of the machine: vehicles first, then fences and places, none over another.
 * Text is drawn once into a small picture and copied from then on.
 */
import { type Box, mercatorX, mercatorY } from "../geo.ts";
import type { Aggregate, Fleet } from "../store.ts";
import { State } from "../store.ts";
import type { Camera } from "./arrows.ts";
import { gridLabel, gridStep } from "./basemap.ts";
import type { MapTheme } from "./theme.ts";

/** A name that belongs to a point, with mercator steps worked out once. */
export interface Spot {
  text: string;
  x: number;
  y: number;
  /** The least zoom it is shown at. */
  zoom: number;
  style: "city" | "port" | "fence";
}

const FONT = `system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif`;

/** At most so many vehicles in view get names: more would be a wall of text. */
const MAX_NAMED = 400;
const MAX_PICTURES = 3000;
const GRID = 48;

interface Picture {
  canvas: HTMLCanvasElement;
  width: number;
  height: number;
}

type Rect = [left: number, top: number, right: number, bottom: number];

export interface Scene {
  camera: Camera;
  view: Box;
  zoom: number;
  theme: MapTheme;
  dpr: number;
  now: number;
  spots: Spot[];
  cells: Aggregate | null;
  selected: number;
  hovered: number;
  /** The age to show beside a silent vehicle's name. */
  age(row: number): string;
}

export class Labels {
  private readonly pictures = new Map<string, Picture>();
  private readonly taken = new Map<number, Rect[]>();
  private readonly ctx: CanvasRenderingContext2D;
  private dpr = 1;
  /** How many vehicles the last frame had in view. */
  inView = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly fleet: Fleet,
  ) {
    this.ctx = canvas.getContext("2d")!;
  }

  draw(s: Scene): void {
    const { width, height } = s.camera;
    if (this.canvas.width !== Math.round(width * s.dpr) || this.canvas.height !== Math.round(height * s.dpr)) {
      this.canvas.width = Math.round(width * s.dpr);
      this.canvas.height = Math.round(height * s.dpr);
    }
    if (this.dpr !== s.dpr || this.pictures.size > MAX_PICTURES) this.pictures.clear();
    this.dpr = s.dpr;
    this.ctx.setTransform(s.dpr, 0, 0, s.dpr, 0, 0);
    this.ctx.clearRect(0, 0, width, height);
    this.taken.clear();
    if (s.cells) this.drawCells(s);
    this.drawVehicles(s);
    this.drawSpots(s);
    this.drawNet(s);
  }

  /** Degrees at the upper and the left edge, as on a chart. */
  private drawNet(s: Scene): void {
    const { w, e, s: south, n } = s.view;
    const step = gridStep(e - w);
    const put = (text: string, x: number, y: number) => {
      const p = this.picture(text, 400, 10.5, s.theme.place, s.theme.halo);
      if (this.free([x - 16, y, x + p.width + 16, y + p.height])) this.put(p, x, y);
    };
    for (let i = Math.ceil(w / step); i * step <= e; i++)
      put(gridLabel(i * step, step, "lon"), project(s.camera, mercatorX(i * step), s.camera.y)[0] + 2, 2);
    for (let i = Math.ceil(south / step); i * step <= n; i++)
      put(gridLabel(i * step, step, "lat"), 2, project(s.camera, s.camera.x, mercatorY(i * step))[1] - 16);
  }

  /** A circle for each cell, its area by the count, the share that moves as an arc around it. */
  private drawCells(s: Scene): void {
    const c = this.ctx;
    const most = s.cells!.cells.reduce((m, x) => Math.max(m, x.count), 1);
    for (const cell of [...s.cells!.cells].sort((a, b) => a.count - b.count)) {
      const at = project(s.camera, mercatorX(cell.lon), mercatorY(cell.lat));
      if (!inside(at, s.camera, 40)) continue;
      const r = 9 + 19 * Math.sqrt(Math.log1p(cell.count) / Math.log1p(most));
      c.globalAlpha = 0.88;
      c.fillStyle = s.theme.cell;
      c.beginPath();
      c.arc(at[0], at[1], r, 0, 2 * Math.PI);
      c.fill();
      c.globalAlpha = 1;
      c.lineWidth = 3;
      c.strokeStyle = s.theme.edge;
      c.stroke();
      c.strokeStyle = s.theme.moving;
      c.beginPath();
      c.arc(at[0], at[1], r, -Math.PI / 2, -Math.PI / 2 + (2 * Math.PI * Math.min(cell.moving, cell.count)) / Math.max(1, cell.count));
      c.stroke();
      c.fillStyle = s.theme.cellText;
      c.font = `600 ${r > 16 ? 12 : 10}px ${FONT}`;
      c.textAlign = "center";
      c.textBaseline = "middle";
      c.fillText(short(cell.count), at[0], at[1] + 0.5);
      this.take([at[0] - r, at[1] - r, at[0] + r, at[1] + r]);
    }
  }

  private drawVehicles(s: Scene): void {
    const f = this.fleet;
    const rows: number[] = [];
    const at: [number, number] = [0, 0];
    const places = new Map<number, [number, number]>();
    let n = 0;
    for (let r = 0; r < f.size; r++) {
      if (!(f.drawn(r) || r === s.selected) || f.time[r] === 0) continue;
      f.shown(r, s.now, at);
      const p = project(s.camera, at[0], at[1]);
      if (!inside(p, s.camera, 0)) continue;
      n++;
      if (rows.length <= MAX_NAMED || r === s.selected || r === s.hovered) {
        rows.push(r);
        places.set(r, p);
      }
    }
    this.inView = n;
    const all = n <= MAX_NAMED;
    if (all) for (const p of places.values()) this.take([p[0] - 8, p[1] - 8, p[0] + 8, p[1] + 8]);
    const rank = (r: number) =>
      r === s.selected ? 0 : r === s.hovered ? 1 : f.state[r] === State.Moving ? 2 : f.state[r] === State.Stopped ? 3 : 4;
    rows.sort((a, b) => rank(a) - rank(b) || a - b);
    for (const r of rows) {
      const marked = r === s.selected || r === s.hovered;
      if (!marked && !all) break;
      const text = f.state[r] === State.Silent ? `${f.label(r)} · ${s.age(r)}` : f.label(r);
      const p = this.picture(text, marked ? 600 : 500, 12, f.state[r] === State.Silent ? s.theme.place : s.theme.label, s.theme.halo);
      this.beside(places.get(r)!, p, marked, r === s.selected ? 19 : 12);
    }
  }

  /** Puts a name right, left, below or above of a point, wherever there is room. */
  private beside([x, y]: [number, number], p: Picture, force: boolean, gap: number): void {
    const corners: [number, number][] = [
      [x + gap, y - p.height / 2],
      [x - gap - p.width, y - p.height / 2],
      [x - p.width / 2, y + gap - 2],
      [x - p.width / 2, y - gap - p.height + 2],
    ];
    const free = corners.find(([l, t]) => this.free([l, t, l + p.width, t + p.height])) ?? (force ? corners[0] : undefined);
    if (free) this.put(p, free[0], free[1]);
  }

  private drawSpots(s: Scene): void {
    for (const spot of s.spots) {
      if (s.zoom < spot.zoom) continue;
      const at = project(s.camera, spot.x, spot.y);
      if (!inside(at, s.camera, 20)) continue;
      switch (spot.style) {
        case "city":
          this.centred(at, this.picture(spot.text, 500, spot.zoom <= 4.5 ? 12.5 : 11.5, s.theme.place, s.theme.halo));
          break;
        case "fence":
          this.centred(at, this.picture(spot.text, 600, 11.5, s.theme.fence, s.theme.halo));
          break;
        case "port": {
          const p = this.picture(spot.text, 400, 11, s.theme.port, s.theme.halo);
          const box: Rect = [at[0] - 4, at[1] - p.height / 2, at[0] + 6 + p.width, at[1] + p.height / 2];
          if (!this.free(box)) break;
          this.anchor(at, s.theme);
          this.put(p, at[0] + 6, at[1] - p.height / 2);
          this.take(box);
        }
      }
    }
  }

  /** A port's mark: a small hollow square standing on its corner. */
  private anchor([x, y]: [number, number], theme: MapTheme): void {
    const c = this.ctx;
    c.beginPath();
    c.moveTo(x, y - 3.4);
    c.lineTo(x + 3.4, y);
    c.lineTo(x, y + 3.4);
    c.lineTo(x - 3.4, y);
    c.closePath();
    c.fillStyle = theme.halo;
    c.fill();
    c.lineWidth = 1.3;
    c.strokeStyle = theme.port;
    c.stroke();
  }

  private centred([x, y]: [number, number], p: Picture): void {
    const l = x - p.width / 2;
    const t = y - p.height / 2;
    if (this.free([l, t, l + p.width, t + p.height])) this.put(p, l, t);
  }

  private put(p: Picture, left: number, top: number): void {
    this.ctx.drawImage(p.canvas, Math.round(left * this.dpr) / this.dpr, Math.round(top * this.dpr) / this.dpr, p.width, p.height);
    this.take([left, top, left + p.width, top + p.height]);
  }

  private free([l, t, r, b]: Rect): boolean {
    for (const box of this.near([l, t, r, b], false)) if (box[0] < r && box[2] > l && box[1] < b && box[3] > t) return false;
    return true;
  }

  private take(box: Rect): void {
    for (const _ of this.near(box, true));
  }

  /** Goes through the squares of a coarse grid that a box touches: yields what is there, or puts the box in. */
  private *near(box: Rect, put: boolean): Iterable<Rect> {
    for (let gx = Math.floor(box[0] / GRID); gx <= Math.floor(box[2] / GRID); gx++)
      for (let gy = Math.floor(box[1] / GRID); gy <= Math.floor(box[3] / GRID); gy++) {
        const key = gx * 65536 + gy;
        const here = this.taken.get(key);
        if (here && !put) yield* here;
        else if (here) here.push(box);
        else if (put) this.taken.set(key, [box]);
      }
  }

  private picture(text: string, weight: number, px: number, colour: string, halo: string): Picture {
    const key = `${weight}/${px}/${colour}/${halo}/${text}`;
    const known = this.pictures.get(key);
    if (known) return known;
    const canvas = document.createElement("canvas");
    const c = canvas.getContext("2d")!;
    const font = `${weight} ${px}px ${FONT}`;
    c.font = font;
    const width = Math.ceil(c.measureText(text).width) + 6;
    const height = Math.ceil(px * 1.4) + 2;
    canvas.width = Math.ceil(width * this.dpr);
    canvas.height = Math.ceil(height * this.dpr);
    c.setTransform(this.dpr, 0, 0, this.dpr, 0, 0);
    c.font = font;
    c.textBaseline = "middle";
    c.lineJoin = "round";
    c.lineWidth = 3;
    c.strokeStyle = halo;
    c.strokeText(text, 3, height / 2);
    c.fillStyle = colour;
    c.fillText(text, 3, height / 2);
    const made = { canvas, width, height };
    this.pictures.set(key, made);
    return made;
  }
}

/** CSS pixels of a point given in mercator steps. */
export function project(c: Camera, x: number, y: number): [number, number] {
  return [c.width / 2 + ((x - c.x) | 0) * c.perX, c.height / 2 + (y - c.y) * c.perY];
}

function inside([x, y]: [number, number], c: Camera, margin: number): boolean {
  return x > -margin && y > -margin && x < c.width + margin && y < c.height + margin;
}

/** 1234 as 1.2k. */
export function short(n: number): string {
  if (n < 1000) return String(n);
  if (n < 9950) return `${(n / 1000).toFixed(1)}k`;
  if (n < 999_500) return `${Math.round(n / 1000)}k`;
  return `${(n / 1e6).toFixed(1)}M`;
}

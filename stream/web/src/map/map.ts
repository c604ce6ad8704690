/** The map: the one place that knows the map library. Everything else asks it in longitudes, latitudes and rows of the fleet. */
import { type GeoJSONSource, type LngLatBoundsLike, Map as LibreMap, type MapMouseEvent, setWorkerUrl } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import "maplibre-gl/dist/maplibre-gl.css";
import type { Tiles, TrackPoint } from "../api.ts";
import { type Fence, outline, type Shape } from "../fence.ts";
import { type Box, mercatorX as stepX, mercatorY as stepY, type Point, pixelsPerMetre } from "../geo.ts";
import type { View } from "../hash.ts";
import { type Fleet, GLIDE_MS } from "../store.ts";
import { Arrows, type Camera } from "./arrows.ts";
import { decodeBase, graticule } from "./basemap.ts";
import type { Drawing } from "./draw.ts";
import { Labels, project, type Spot } from "./labels.ts";
import { EMPTY, FENCE_HIT, FIRST_OVER_TILES, layers, type SourceName, style } from "./style.ts";
import { type MapTheme, type ThemeName, THEMES } from "./theme.ts";

/** How near a click must be to a vehicle, in CSS pixels; a finger is wider than a mouse. */
const REACH = 16;
const REACH_TOUCH = 26;

export interface MapListener {
  /** The view moved; settled is false while it still does. */
  moved(view: View, box: Box, settled: boolean): void;
  /** A click on a vehicle, or -1; fence is the fence under the click, or "". */
  picked(row: number, fence: string): void;
  /** The person took the map in hand. */
  grabbed(): void;
  /** Vehicles in view, counted when drawn. */
  counted(n: number): void;
  /** A fence's shape was drawn or dragged. */
  drawn(shape: Shape): void;
}

export class FleetMap {
  readonly map: LibreMap;
  private readonly arrows: Arrows;
  private readonly labels: Labels;
  private theme: MapTheme;
  private spots: Spot[] = [];
  private fenceSpots: Spot[] = [];
  private allSpots: Spot[] = [];
  private seen = -1;
  private seenCount = -1;
  private ready: Promise<void>;
  private readonly still: MediaQueryList = matchMedia("(prefers-reduced-motion: reduce)");
  private pickingOff = false;
  private inset = 0;
  private begun = false;
  /** Tells the age of a silent vehicle's fix. */
  age: (row: number) => string = () => "";

  constructor(
    container: HTMLElement,
    canvas: HTMLCanvasElement,
    private readonly fleet: Fleet,
    theme: ThemeName,
    view: View | null,
    private readonly listener: MapListener,
  ) {
    setWorkerUrl(workerUrl);
    this.theme = THEMES[theme];
    this.arrows = new Arrows(fleet);
    this.labels = new Labels(canvas, fleet);
    this.map = new LibreMap({
      container,
      style: style(this.theme),
      center: view ? [view.lon, view.lat] : [115, 33],
      zoom: view ? view.zoom : 3.4,
      minZoom: 1.2,
      maxZoom: 19,
      maxPitch: 0,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      attributionControl: false,
      fadeDuration: 0,
      canvasContextAttributes: { antialias: false },
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.ready = new Promise((resolve) => void this.map.once("style.load", () => resolve()));
    void this.ready.then(() => this.begin());
    this.map.on("move", () => this.tellView(false));
    this.map.on("moveend", () => this.tellView(true));
    this.map.on("render", () => this.drawLabels());
    this.map.on("click", (e) => this.click(e));
    this.map.on("mousemove", (e) => this.hover(e));
    this.map.on("mouseout", () => this.setHovered(-1));
    this.map.on("dragstart", () => this.listener.grabbed());
    this.map.on("wheel", () => this.listener.grabbed());
  }

  private begin(): void {
    this.map.addLayer({
      id: "vehicles",
      type: "custom",
      renderingMode: "2d",
      onAdd: (_, gl) => this.arrows.setUp(gl),
      render: (gl) => this.render(gl),
    });
    this.begun = true;
    this.drawGrid();
    this.tellView(true);
  }

  private render(_: WebGL2RenderingContext | WebGLRenderingContext): void {
    const page = performance.now();
    if (this.seen !== this.fleet.moved) this.arrows.touch();
    this.seen = this.fleet.moved;
    this.arrows.draw(this.camera(), this.theme, this.still.matches ? page + GLIDE_MS : page, devicePixelRatio);
    if (page < this.fleet.glidingUntil && !this.still.matches) this.map.triggerRepaint();
  }

  /** Something changed that is drawn: draw it with the next frame. */
  repaint(): void {
    this.map.triggerRepaint();
  }

  private camera(): Camera {
    const centre = this.map.getCenter();
    const c = this.map.getContainer();
    const world = 512 * 2 ** this.map.getZoom();
    return {
      x: stepX(centre.lng),
      y: stepY(centre.lat),
      perX: world / 4294967296,
      perY: world / 2147483648,
      width: c.clientWidth,
      height: c.clientHeight,
    };
  }

  private drawLabels(): void {
    if (!this.begun) return; // no names without their arrows
    const page = performance.now() + (this.still.matches ? GLIDE_MS : 0);
    this.labels.draw({
      camera: this.camera(),
      view: this.box(),
      zoom: this.map.getZoom(),
      theme: this.theme,
      dpr: devicePixelRatio,
      now: page,
      spots: this.allSpots,
      cells: this.fleet.cells,
      selected: this.arrows.selected,
      hovered: this.arrows.hovered,
      age: (r) => this.age(r),
    });
    if (this.labels.inView !== this.seenCount) this.listener.counted((this.seenCount = this.labels.inView));
  }

  private tellView(settled: boolean): void {
    const c = this.map.getCenter();
    this.listener.moved({ zoom: this.map.getZoom(), lat: c.lat, lon: c.lng }, this.box(), settled);
    if (settled) this.drawGrid();
  }

  box(): Box {
    const b = this.map.getBounds();
    return { w: b.getWest(), s: b.getSouth(), e: b.getEast(), n: b.getNorth() };
  }

  private drawGrid(): void {
    this.source("grid")?.setData(graticule(this.box()));
  }

  private source(name: SourceName): GeoJSONSource | undefined {
    return this.map.getSource<GeoJSONSource>(name);
  }

  /** Loads the base map the page carries. The vehicles do not wait for it. */
  async loadBase(url: string): Promise<void> {
    const r = await fetch(url);
    if (!r.ok) throw new Error(`base map: HTTP ${r.status}`);
    const base = decodeBase(await r.arrayBuffer());
    await this.ready;
    this.source("land")?.setData(base.land);
    this.source("urban")?.setData(base.urban);
    this.source("coast")?.setData(base.coast);
  }

  /** Puts the operator's tiles above the base map. */
  async setTiles(t: Tiles): Promise<void> {
    await this.ready;
    this.map.addSource("tiles", { type: "raster", tiles: [t.url], tileSize: 256, attribution: t.attribution });
    this.map.addLayer({ id: "tiles", type: "raster", source: "tiles" }, FIRST_OVER_TILES);
  }

  setTheme(theme: ThemeName): void {
    this.theme = THEMES[theme];
    void this.ready.then(() => {
      for (const layer of layers(this.theme))
        for (const [name, value] of Object.entries(layer.paint ?? {})) this.map.setPaintProperty(layer.id, name as never, value as never);
      this.repaint();
    });
  }

  /** Names of places and ports. */
  setSpots(spots: Spot[]): void {
    this.spots = spots;
    this.gatherSpots();
  }

  private gatherSpots(): void {
    this.allSpots = [...this.fenceSpots, ...this.spots];
    this.repaint();
  }

  /** The fences to draw; the marked one is drawn stronger. */
  setFences(shown: Fence[], marked: string): void {
    this.fenceSpots = shown.flatMap((f) => fenceSpot(f));
    this.gatherSpots();
    void this.ready.then(() =>
      this.source("fences")?.setData({
        type: "FeatureCollection",
        features: shown.map((f) => fenceFeature(f, f.id === marked)),
      }),
    );
  }

  /** The trail of the selected vehicle, fading towards the past, broken where nothing is known. */
  setTrail(points: TrackPoint[], now: number): void {
    const features: GeoJSON.Feature[] = [];
    let run: Point[] = [];
    const flush = (time: number) => {
      if (run.length > 1) features.push(line(run, { fresh: 0.25 + 0.75 * Math.max(0, 1 - (now - time) / 3_600_000) }));
    };
    points.forEach((p, i) => {
      const before = points[i - 1];
      if (before && p.time - before.time > TRAIL_GAP_MS) {
        flush(before.time);
        run = [];
      }
      run.push([unwrap(p.lon, run[run.length - 1]?.[0]), p.lat]);
      if (run.length >= 40) {
        flush(p.time);
        run = run.slice(-1);
      }
    });
    flush(points[points.length - 1]?.time ?? 0);
    void this.ready.then(() => this.source("trail")?.setData({ ...EMPTY, features }));
  }

  select(row: number): void {
    this.arrows.selected = row;
    this.arrows.touch();
    this.repaint();
  }

  private setHovered(row: number): void {
    if (row === this.arrows.hovered) return;
    this.arrows.hovered = row;
    this.arrows.touch();
    this.map.getCanvas().style.cursor = row >= 0 ? "pointer" : "";
    this.repaint();
  }

  // What is drawn. terra-draw comes with the first use, and only the last wish counts when it is there.

  private drawing: Drawing | null = null;
  private wish: ((d: Drawing) => void) | null = null;
  private wished = 0;

  draw(tool: Shape["type"]): void {
    this.withDrawing((d) => d.start(tool));
  }

  edit(shape: Shape): void {
    this.withDrawing((d) => d.edit(shape));
  }

  endDrawing(): void {
    this.wish = null;
    this.wished++;
    this.drawing?.stop();
    this.drawing = null;
    this.setPicking(true);
  }

  private withDrawing(wish: (d: Drawing) => void): void {
    this.setPicking(false);
    if (this.drawing) return wish(this.drawing);
    this.wish = wish;
    const ticket = ++this.wished;
    void Promise.all([import("./draw.ts"), this.ready]).then(([{ Drawing }]) => {
      if (ticket !== this.wished || !this.wish) return;
      this.drawing = new Drawing(this.map, this.theme, (shape) => this.listener.drawn(shape));
      this.wish(this.drawing);
      this.wish = null;
    });
  }

  /** While something is drawn, clicks are not for vehicles. */
  private setPicking(on: boolean): void {
    this.pickingOff = !on;
    this.map.doubleClickZoom[on ? "enable" : "disable"]();
    if (!on) this.setHovered(-1);
  }

  private hover(e: MapMouseEvent): void {
    if (this.pickingOff) return;
    const row = this.at(e.point.x, e.point.y, REACH);
    this.setHovered(row);
  }

  private click(e: MapMouseEvent): void {
    if (this.pickingOff) return;
    const touch = matchMedia("(pointer: coarse)").matches;
    const row = this.at(e.point.x, e.point.y, touch ? REACH_TOUCH : REACH);
    if (row < 0 && this.fleet.cells && this.map.getZoom() < 14 && this.cellAt(e.point.x, e.point.y)) {
      this.map.easeTo({ center: e.lngLat, zoom: this.map.getZoom() + 2 });
      return;
    }
    const fence = row < 0 ? this.map.queryRenderedFeatures(e.point, { layers: FENCE_HIT })[0] : undefined;
    this.listener.picked(row, typeof fence?.properties["id"] === "string" ? fence.properties["id"] : "");
  }

  private cellAt(x: number, y: number): boolean {
    const c = this.camera();
    return (this.fleet.cells?.cells ?? []).some((cell) => {
      const p = project(c, stepX(cell.lon), stepY(cell.lat));
      return Math.hypot(p[0] - x, p[1] - y) < 26;
    });
  }

  /** The row drawn nearest to a point on the screen, within reach, or -1. */
  private at(x: number, y: number, reach: number): number {
    const f = this.fleet;
    const c = this.camera();
    const at: [number, number] = [0, 0];
    const page = performance.now();
    let best = -1;
    let nearest = reach * reach;
    for (let r = 0; r < f.size; r++) {
      if (!f.drawn(r) && r !== this.arrows.selected) continue;
      f.shown(r, page, at);
      const p = project(c, at[0], at[1]);
      const d = (p[0] - x) ** 2 + (p[1] - y) ** 2;
      if (d < nearest) [nearest, best] = [d, r];
    }
    return best;
  }

  /** So many CSS pixels at the right are covered by a panel: the middle of what is left counts as the middle. */
  setInset(right: number): void {
    this.inset = right;
  }

  /** Flies to a point, at least as near as zoom, and no farther off than it is. */
  fly(lon: number, lat: number, zoom: number): void {
    const to = Math.max(zoom, this.map.getZoom());
    const camera = { center: [lon, lat] as [number, number], zoom: to, offset: this.offset() };
    if (this.still.matches) this.map.easeTo({ ...camera, duration: 0 });
    else this.map.flyTo({ ...camera, duration: 900, essential: true });
  }

  /** Keeps a moving point in the middle. */
  glideTo(lon: number, lat: number): void {
    const duration = this.still.matches ? 0 : GLIDE_MS;
    this.map.easeTo({ center: [lon, lat], offset: this.offset(), duration, easing: (t) => t, essential: true });
  }

  private offset(): [number, number] {
    return [-this.inset / 2, 0];
  }

  fit(box: Box, instant: boolean, maxZoom = 14): void {
    const bounds: LngLatBoundsLike = [
      [box.w, box.s],
      [box.e, box.n],
    ];
    const pad = Math.min(70, this.map.getContainer().clientWidth / 7, this.map.getContainer().clientHeight / 7);
    const padding = { top: pad, bottom: pad, left: pad, right: pad + this.inset };
    this.map.fitBounds(bounds, { padding, maxZoom, animate: !instant && !this.still.matches, duration: 700 });
  }

  zoomBy(step: number): void {
    this.map.easeTo({ zoom: this.map.getZoom() + step, duration: 200 });
  }

  resize(): void {
    this.map.resize();
  }

  /** Metres that 100 CSS pixels stand for at the centre. */
  metresPer100(): number {
    return 100 / (pixelsPerMetre(this.map.getCenter().lat) * 2 ** this.map.getZoom());
  }

  remove(): void {
    this.map.remove();
  }
}

/** A trail is not drawn across a silence longer than this: what lies between is not known. */
const TRAIL_GAP_MS = 300_000;

function line(points: Point[], properties: Record<string, unknown>): GeoJSON.Feature {
  return { type: "Feature", geometry: { type: "LineString", coordinates: points }, properties };
}

/** Goes on across 180° without a jump around the world. */
function unwrap(lon: number, before: number | undefined): number {
  if (before === undefined) return lon;
  return lon + Math.round((before - lon) / 360) * 360;
}

function fenceFeature(f: Fence, marked: boolean): GeoJSON.Feature {
  const middle = f.shape.type === "corridor" ? (f.shape.line[0]?.[1] ?? 0) : 0;
  const wide = f.shape.type === "corridor" ? f.shape.widthM * pixelsPerMetre(middle) : 0;
  return { type: "Feature", geometry: outline(f.shape) as GeoJSON.Geometry, properties: { id: f.id, marked, wide } };
}

/** The name of a fence stands in its middle, once it is large enough to be told from its name. */
function fenceSpot(f: Fence): Spot[] {
  const ring = f.shape.type === "polygon" ? f.shape.polygons[0]?.[0] : f.shape.type === "circle" ? [f.shape.center] : f.shape.line;
  if (!ring || ring.length === 0 || !f.name) return [];
  const xs = ring.map((p) => p[0]);
  const ys = ring.map((p) => p[1]);
  const mid: Point =
    f.shape.type === "corridor"
      ? ring[Math.floor(ring.length / 2)]!
      : [(Math.min(...xs) + Math.max(...xs)) / 2, (Math.min(...ys) + Math.max(...ys)) / 2];
  const degrees =
    f.shape.type === "circle"
      ? (f.shape.radiusM * 2) / 111_000
      : Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  const zoom = Math.log2((60 * 360) / (512 * Math.max(degrees, 1e-6)));
  return [{ text: f.name, x: stepX(mid[0]), y: stepY(mid[1]), zoom: Math.min(zoom, 15), style: "fence" }];
}

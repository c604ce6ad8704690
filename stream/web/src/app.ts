/**
 * The page's state and what can be done with it. The panels read it and call it; the map is told through MapPort. It knows neither
 * Preact nor the map library.
 */
import * as api from "./api.ts";
import { Connection, type Link, type Timers } from "./connection.ts";
import { Feed } from "./feed.ts";
import { type Fence, fromFeature, newFenceId, type Shape, type FenceKind, toFeature, boundsOf } from "./fence.ts";
import { Clock } from "./format.ts";
import { type Box, openingBox, type Point } from "./geo.ts";
import { formatHash, parseHash, type View } from "./hash.ts";
import { type Language, preferred, TAGS, type Translate, translator } from "./i18n/index.ts";
import type { ThemeName } from "./map/theme.ts";
import { type Prefs, readPrefs, writePrefs } from "./prefs.ts";
import { filtered, ordered } from "./search.ts";
import { Fleet, State } from "./store.ts";
import type { FenceEvent, Message } from "./wire.ts";

/** What the app asks of the map. */
export interface MapPort {
  repaint(): void;
  select(row: number): void;
  fly(lon: number, lat: number, zoom?: number): void;
  glideTo(lon: number, lat: number): void;
  fit(box: Box, instant: boolean, maxZoom?: number): void;
  setFences(fences: Fence[], marked: string): void;
  setTrail(points: api.TrackPoint[], now: number): void;
  setTheme(theme: ThemeName): void;
  setTiles(t: api.Tiles): Promise<void>;
  draw(tool: Shape["type"]): void;
  edit(shape: Shape): void;
  endDrawing(): void;
}

export type Tab = "vehicles" | "fences" | "events";

/** A fence in the editor. drawing is true until its shape exists. */
export interface Draft {
  fence: Fence;
  isNew: boolean;
  drawing: boolean;
  changed: boolean;
  saving: boolean;
  refusal: api.ApiError | null;
}

/** What is shown of the selected unit beyond the fleet's columns. */
export interface Detail {
  unit: api.UnitDetail | null;
  completeness: api.Completeness | null;
  trail: api.TrackPoint[];
  trailTruncated: boolean;
  trailLoaded: boolean;
  failed: string;
}

const DETAIL_MS = 5000;
const TRAIL_MS = 60_000;
const TRAIL_SPAN_MS = 3_600_000;
/** How often all units are asked for, for those that are not in view; a large list is asked for less often. */
const LIST_MS = 15_000;
const LIST_LARGE_MS = 60_000;
const LARGE = 10_000;
const TICK_MS = 1000;
/** Panels are drawn again at most this often for data; at once for what the person does. */
const DATA_MS = 250;
const VIEW_MS = 300;
const TOAST_MS = 5000;
/** How much more than is seen is asked for on each side, so that a small pan shows vehicles at once. */
const VIEW_MARGIN = 0.15;
const FIRST_EVENTS = 200;

const browserTimers: Timers = {
  set: (fn, ms) => window.setTimeout(fn, ms),
  clear: (id) => window.clearTimeout(id),
  now: () => Date.now(),
  random: () => Math.random(),
};

export class App {
  readonly fleet = new Fleet();
  readonly feed = new Feed();
  fences: Fence[] = [];
  phase: "starting" | "signed-out" | "running" | "failed" = "starting";
  failure = "";
  session: api.Session | null = null;
  link: Link = { state: "connecting", attempt: 1 };
  /** When the stream was last heard, Unix milliseconds. */
  heard = 0;
  listLoaded = false;
  fencesLoaded = false;

  tab: Tab = "vehicles";
  query = "";
  stateFilter: State | null = null;
  selected = "";
  following = false;
  markedFence = "";
  occupants: { unit: string; since: number }[] | null = null;
  draft: Draft | null = null;
  detail: Detail | null = null;
  toast = "";
  announcement = "";
  inView = 0;
  attribution = "";
  tilesShifted = false;
  mapFailed = false;
  helpOpen = false;

  language: Language;
  theme: ThemeName;
  t: Translate;
  clock: Clock;
  feedHidden: boolean;

  private map: MapPort | null = null;
  private readonly connection: Connection;
  private readonly subscribers = new Set<() => void>();
  private scheduled = 0;
  private dataTimer = 0;
  private skew = 0;
  private view: View | null = null;
  private box: Box | null = null;
  private viewTimer = 0;
  private viewSent = 0;
  private opened = false;
  private touched = false;
  private wanted: string;
  private readonly prefs: Prefs;
  private order: Int32Array = new Int32Array(0);
  private orderOf = "";
  private detailAbort: AbortController | null = null;
  private detailAt = 0;
  private occupantsAt = 0;
  private trailAt = 0;
  private listAt = 0;
  private toastTimer = 0;

  constructor() {
    this.prefs = readPrefs(() => localStorage);
    this.language = this.prefs.language ?? preferred(navigator.languages);
    this.theme = this.prefs.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    this.feedHidden = this.prefs.feedHidden ?? false;
    this.t = translator(this.language);
    this.clock = new Clock(this.language, Date.now());
    const at = parseHash(location.hash);
    this.view = at.view;
    this.wanted = at.unit;
    this.markedFence = at.fence;
    this.opened = at.view !== null;
    this.connection = new Connection(
      () => new WebSocket(new URL("api/v1/live", document.baseURI).href.replace(/^http/, "ws")),
      browserTimers,
      {
        began: () => {
          this.fleet.beginStream();
          void this.loadFences();
        },
        message: (m) => this.receive(m),
        link: (l) => this.setLink(l),
        malformed: (e) => console.warn("live message dropped:", e),
        cursor: () => this.feed.cursor,
      },
    );
    this.dress();
  }

  /** The view the URL asks for, if any. */
  get openingView(): View | null {
    return this.view;
  }

  /** Now by the service's clock, so that ages are right where this machine's clock is not. */
  now(): number {
    return Date.now() + this.skew;
  }

  subscribe(fn: () => void): () => void {
    this.subscribers.add(fn);
    return () => this.subscribers.delete(fn);
  }

  /** Draws the panels with the next frame. */
  changed(): void {
    if (this.scheduled) return;
    this.scheduled = requestAnimationFrame(() => {
      this.scheduled = 0;
      for (const fn of this.subscribers) fn();
    });
  }

  private dataChanged(): void {
    if (!this.dataTimer)
      this.dataTimer = window.setTimeout(() => {
        this.dataTimer = 0;
        this.changed();
      }, DATA_MS);
  }

  attach(map: MapPort): void {
    this.map = map;
    this.drawFences();
    if (this.selected) this.map.select(this.fleet.row(this.selected));
  }

  async start(): Promise<void> {
    window.setInterval(() => this.tick(), TICK_MS);
    window.addEventListener("online", () => this.connection.retry());
    window.addEventListener("beforeunload", (e) => {
      if (this.draft?.changed) e.preventDefault();
    });
    window.addEventListener("offline", () => this.connection.lost());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.connection.retry();
    });
    await this.enter();
  }

  private async enter(): Promise<void> {
    try {
      const s = await api.session();
      if (!s) {
        this.phase = "signed-out";
        this.connection.stop();
        this.changed();
        return;
      }
      this.session = s.session;
      this.skew = Math.abs(s.skew) > 2000 ? s.skew : 0;
      this.phase = "running";
      this.failure = "";
      this.connection.start();
      this.changed();
      await Promise.all([this.loadUnits(), this.loadFences(), this.loadEvents(), this.loadTiles()]);
    } catch (e) {
      if (this.phase !== "running") this.phase = "failed";
      this.failure = reason(e);
      this.changed();
    }
  }

  retry(): void {
    if (this.phase === "running") {
      this.connection.retry();
      void this.loadUnits();
    } else void this.enter();
  }

  async signIn(token: string): Promise<"" | "wrong" | string> {
    try {
      await api.signIn(token);
    } catch (e) {
      return e instanceof api.ApiError && (e.status === 401 || e.status === 400 || e.status === 403) ? "wrong" : reason(e);
    }
    await this.enter();
    return "";
  }

  async signOut(): Promise<void> {
    try {
      await api.signOut();
    } catch (e) {
      this.say(reason(e));
      return;
    }
    this.connection.stop();
    location.reload();
  }

  /** Whether this person's role may draw and delete fences; the service has the last word. */
  get mayEdit(): boolean {
    return this.session?.role !== "dispatcher";
  }

  // What the service tells.

  private receive(m: Message): void {
    this.heard = Date.now();
    this.fleet.apply(m, this.now(), performance.now());
    switch (m.type) {
      case "event":
        if (this.feed.add(m.event, true)) this.announce(m.event);
        break;
      case "fences_changed":
        void this.loadFences();
        break;
      case "snapshot_end":
        this.openView();
        break;
      case "error":
        this.say(m.message || m.code);
        break;
      case "positions":
        this.followOn();
        break;
      case "names":
      case "gone":
      case "cells":
        break;
    }
    this.map?.repaint();
    this.dataChanged();
  }

  private setLink(l: Link): void {
    this.link = l;
    // A refused handshake looks like any other break: ask whether the session still holds.
    if (l.state === "waiting" && (l.code === 1008 || l.code === 4401 || l.attempt === 2)) void this.checkSession();
    this.changed();
  }

  private async checkSession(): Promise<void> {
    try {
      if ((await api.session()) !== null) return;
    } catch {
      return; // The service is away; the connection says so already.
    }
    this.phase = "signed-out";
    this.connection.stop();
    this.changed();
  }

  private async loadUnits(): Promise<void> {
    this.listAt = Date.now();
    try {
      this.fleet.list(await api.units(), this.now());
      this.failure = "";
      this.listLoaded = true;
    } catch (e) {
      if (!this.listLoaded) this.failure = reason(e);
    }
    if (this.wanted && this.fleet.row(this.wanted) >= 0) {
      const id = this.wanted;
      this.wanted = "";
      this.select(id, !this.opened);
    }
    this.openView();
    this.map?.repaint();
    this.changed();
  }

  private async loadFences(): Promise<void> {
    try {
      const list: Fence[] = [];
      for (const f of await api.fences()) {
        try {
          list.push(fromFeature(f));
        } catch (e) {
          console.warn("fence not understood:", e);
        }
      }
      const collator = new Intl.Collator(TAGS[this.language], { numeric: true });
      this.fences = list.sort((a, b) => collator.compare(a.name || a.id, b.name || b.id));
      this.fencesLoaded = true;
    } catch (e) {
      if (this.fencesLoaded) return;
      this.failure = reason(e);
    }
    this.drawFences();
    this.changed();
  }

  private async loadEvents(): Promise<void> {
    for (const e of await api.recentEvents(FIRST_EVENTS)) this.feed.add(e, false);
    this.changed();
  }

  private async loadTiles(): Promise<void> {
    const tiles = await api.tiles();
    if (!tiles) return;
    this.attribution = tiles.attribution;
    this.tilesShifted = tiles.crs !== "" && tiles.crs !== "wgs84";
    await this.map?.setTiles(tiles);
    this.changed();
  }

  private announce(e: FenceEvent): void {
    if (e.retracted) return;
    const what = this.eventVerb(e.kind);
    this.announcement = this.t("event.announce", { unit: this.unitLabel(e.unit), what, fence: this.fenceLabel(e.fence) });
  }

  eventVerb(kind: string): string {
    switch (kind) {
      case "enter":
      case "exit":
      case "inside_at_start":
      case "dwell":
      case "overspeed":
        return this.t(`event.${kind}`);
      default:
        return kind;
    }
  }

  unitLabel(id: string): string {
    const r = this.fleet.row(id);
    return r >= 0 ? this.fleet.label(r) : id;
  }

  fenceLabel(id: string): string {
    return this.fences.find((f) => f.id === id)?.name || id;
  }

  private tick(): void {
    if (this.phase !== "running") return;
    if (this.fleet.tick(this.now())) this.map?.repaint();
    const t = Date.now();
    if (t - this.listAt > (this.fleet.size > LARGE ? LIST_LARGE_MS : LIST_MS) && !document.hidden) void this.loadUnits();
    if (this.selected && t - this.detailAt > DETAIL_MS && !document.hidden) void this.loadDetail();
    if (this.markedFence && t - this.occupantsAt > DETAIL_MS && !document.hidden) void this.loadOccupants(this.markedFence);
    this.changed();
  }

  // The view.

  /** Opens where the vehicles are, once they are known and unless the person or the URL said otherwise. */
  private openView(): void {
    if (this.opened || this.touched || !this.map) return;
    const points: Point[] = [];
    const awake: Point[] = [];
    for (let r = 0; r < this.fleet.size; r++) {
      if (this.fleet.time[r] === 0) continue;
      const p: Point = [this.fleet.lon[r]! / 1e7, this.fleet.lat[r]! / 1e7];
      points.push(p);
      if (this.fleet.state[r] !== State.Silent) awake.push(p);
    }
    const box = openingBox(awake.length > 0 ? awake : points);
    if (!box) return;
    this.opened = true;
    this.map.fit(box, true);
  }

  showAll(): void {
    const points: Point[] = [];
    for (let r = 0; r < this.fleet.size; r++) if (this.fleet.time[r]! > 0) points.push([this.fleet.lon[r]! / 1e7, this.fleet.lat[r]! / 1e7]);
    const box = openingBox(points, 360);
    this.setFollowing(false);
    if (box) this.map?.fit(box, false);
  }

  /** The map moved. */
  moved(view: View, box: Box, settled: boolean): void {
    this.view = view;
    this.box = box;
    const due = this.viewSent + VIEW_MS - Date.now();
    if (settled || due <= 0) this.sendView();
    else if (!this.viewTimer) this.viewTimer = window.setTimeout(() => this.sendView(), due);
    if (settled && this.opened) this.writeHash();
  }

  private sendView(): void {
    window.clearTimeout(this.viewTimer);
    this.viewTimer = 0;
    this.viewSent = Date.now();
    if (!this.box || !this.view) return;
    this.fleet.lookElsewhere();
    this.connection.look({ op: "view", bbox: widened(this.box, VIEW_MARGIN), zoom: Math.round(this.view.zoom * 100) / 100 });
  }

  grabbed(): void {
    this.touched = true;
    this.opened = true;
    this.setFollowing(false);
  }

  counted(n: number): void {
    this.inView = n;
    this.dataChanged();
  }

  private writeHash(): void {
    const hash = formatHash({ view: this.view, unit: this.selected, fence: this.markedFence });
    history.replaceState(null, "", hash || location.pathname);
  }

  // The list and the selection.

  /** The rows the list shows. */
  rows(): Int32Array {
    const key = `${this.fleet.roster}/${this.language}`;
    if (this.orderOf !== key) {
      this.order = ordered(this.fleet, TAGS[this.language]);
      this.orderOf = key;
    }
    return filtered(this.fleet, this.order, this.query, this.stateFilter);
  }

  setQuery(q: string): void {
    this.query = q;
    this.changed();
  }

  setStateFilter(s: State | null): void {
    this.stateFilter = s;
    this.changed();
  }

  setTab(tab: Tab): void {
    this.tab = tab;
    this.changed();
  }

  /** Selects a unit, or none with "". */
  select(id: string, fly: boolean): void {
    const row = id ? this.fleet.row(id) : -1;
    if (id !== this.selected) {
      this.setFollowing(false);
      this.selected = row >= 0 ? id : "";
      this.detailAbort?.abort();
      this.detail = this.selected ? { unit: null, completeness: null, trail: [], trailTruncated: false, trailLoaded: false, failed: "" } : null;
      this.trailAt = 0;
      this.map?.setTrail([], 0);
      this.map?.select(row);
      this.connection.follow(this.selected);
      if (this.selected) void this.loadDetail();
      this.writeHash();
    }
    if (fly && row >= 0 && this.fleet.time[row]! > 0) {
      this.opened = true;
      this.map?.fly(this.fleet.lon[row]! / 1e7, this.fleet.lat[row]! / 1e7);
    }
    this.changed();
  }

  setFollowing(on: boolean): void {
    if (this.following === on) return;
    this.following = on;
    if (on) this.followOn();
    this.changed();
  }

  private followOn(): void {
    const r = this.selected ? this.fleet.row(this.selected) : -1;
    if (!this.following || r < 0) return;
    this.map?.glideTo(this.fleet.lon[r]! / 1e7, this.fleet.lat[r]! / 1e7);
  }

  private async loadDetail(): Promise<void> {
    const id = this.selected;
    const abort = new AbortController();
    this.detailAbort?.abort();
    this.detailAbort = abort;
    this.detailAt = Date.now();
    try {
      const trailDue = Date.now() - this.trailAt > TRAIL_MS;
      const [unit, completeness] = await Promise.all([api.unit(id, abort.signal), api.completeness(id, abort.signal)]);
      if (this.selected !== id || !this.detail) return;
      this.detail = { ...this.detail, unit, completeness, failed: "" };
      if (trailDue) await this.loadTrail(id, abort.signal);
      else this.extendTrail();
    } catch (e) {
      if (abort.signal.aborted || this.selected !== id || !this.detail) return;
      this.detail = { ...this.detail, failed: reason(e) };
    }
    this.changed();
  }

  private async loadTrail(id: string, signal: AbortSignal): Promise<void> {
    const to = this.now();
    const track = await api.track(id, new Date(to - TRAIL_SPAN_MS), new Date(to + 60_000), signal);
    if (this.selected !== id || !this.detail) return;
    this.trailAt = Date.now();
    this.detail = { ...this.detail, trail: track.points, trailTruncated: track.truncated, trailLoaded: true };
    this.extendTrail();
  }

  /** Puts the newest position at the trail's end until the trail is loaded again. */
  private extendTrail(): void {
    const r = this.fleet.row(this.selected);
    if (!this.detail || r < 0 || this.fleet.time[r] === 0) return;
    const last = this.detail.trail[this.detail.trail.length - 1];
    const time = this.fleet.time[r]!;
    if (!this.detail.trailTruncated && (!last || time > last.time))
      this.detail = { ...this.detail, trail: [...this.detail.trail, { lat: this.fleet.lat[r]! / 1e7, lon: this.fleet.lon[r]! / 1e7, time }] };
    this.map?.setTrail(this.detail.trail, this.now());
  }

  // Fences.

  private drawFences(): void {
    const d = this.draft?.fence;
    const others = d ? this.fences.filter((f) => f.id !== d.id) : this.fences;
    // The map's own handles show the draft's line; how wide a corridor is they cannot show.
    this.map?.setFences(d?.shape.type === "corridor" && d.shape.line.length > 1 ? [...others, d] : others, this.draft ? "" : this.markedFence);
  }

  /** Marks a fence on the map and opens it in the list; "" for none. */
  markFence(id: string, fit: boolean): void {
    this.markedFence = id;
    this.occupants = null;
    this.drawFences();
    const f = this.fences.find((x) => x.id === id);
    const box = f && boundsOf(f.shape);
    if (fit && box) {
      this.opened = true;
      this.map?.fit(box, false, 16);
    }
    if (f) void this.loadOccupants(id);
    this.writeHash();
    this.changed();
  }

  private async loadOccupants(id: string): Promise<void> {
    this.occupantsAt = Date.now();
    if (!this.fences.some((f) => f.id === id)) return;
    try {
      const list = await api.inside(id);
      if (this.markedFence === id) this.occupants = list;
    } catch (e) {
      if (this.markedFence === id && this.occupants === null) this.say(reason(e));
    }
    this.changed();
  }

  /** Goes to the place a refusal names. */
  showPlace(at: { lat: number; lon: number }): void {
    this.map?.fly(at.lon, at.lat, 15);
  }

  /** Begins a new fence: it is drawn on the map, or typed. */
  newFence(tool: Shape["type"]): void {
    const kind: FenceKind = tool === "corridor" ? "corridor" : "zone";
    const fence: Fence = { id: newFenceId(kind, Math.random), name: "", kind, shape: emptyShape(tool), speedLimitMps: 0, dwellS: 0, revision: 0 };
    this.draft = { fence, isNew: true, drawing: true, changed: false, saving: false, refusal: null };
    this.tab = "fences";
    this.map?.draw(tool);
    this.changed();
  }

  /** Gives up the mouse: the draft gets a small shape in the middle of the view, to be moved by typing. */
  typeShape(): void {
    if (!this.draft || !this.view || !this.box) return;
    const { lat, lon } = this.view;
    const dx = (this.box.e - this.box.w) / 8;
    const dy = (this.box.n - this.box.s) / 8;
    const shape: Shape =
      this.draft.fence.shape.type === "polygon"
        ? { type: "polygon", polygons: [[[[lon - dx, lat - dy], [lon + dx, lat - dy], [lon + dx, lat + dy], [lon - dx, lat + dy]]]] }
        : this.draft.fence.shape.type === "circle"
          ? { type: "circle", center: [lon, lat], radiusM: Math.round(dy * 111_000) }
          : { type: "corridor", line: [[lon - dx, lat], [lon + dx, lat]], widthM: this.draft.fence.shape.widthM };
    this.drawn(shape);
    this.map?.edit(shape);
  }

  editFence(id: string): void {
    const fence = this.fences.find((f) => f.id === id);
    if (!fence) return;
    this.draft = { fence, isNew: false, drawing: false, changed: false, saving: false, refusal: null };
    this.tab = "fences";
    this.markedFence = id;
    this.drawFences();
    this.map?.edit(fence.shape);
    const box = boundsOf(fence.shape);
    if (box) this.map?.fit(box, false, 16);
    this.changed();
  }

  /** The shape was drawn or dragged on the map. */
  drawn(shape: Shape): void {
    if (!this.draft) return;
    this.draft = { ...this.draft, fence: { ...this.draft.fence, shape }, drawing: false, changed: true, refusal: null };
    if (shape.type === "corridor") this.drawFences();
    this.changed();
  }

  /** The form changed the draft. redraw when the shape changed with it. */
  amend(change: Partial<Fence>, redraw: boolean): void {
    if (!this.draft) return;
    this.draft = { ...this.draft, fence: { ...this.draft.fence, ...change }, changed: true, refusal: null };
    if (redraw) {
      this.map?.edit(this.draft.fence.shape);
      this.drawFences();
    }
    this.changed();
  }

  cancelDraft(): void {
    this.draft = null;
    this.map?.endDrawing();
    this.drawFences();
    this.changed();
  }

  async saveDraft(): Promise<void> {
    const d = this.draft;
    if (!d || d.saving) return;
    this.draft = { ...d, saving: true, refusal: null };
    this.changed();
    try {
      await api.putFence(d.fence.id, toFeature(d.fence));
      this.draft = null;
      this.map?.endDrawing();
      this.markedFence = d.fence.id;
      await this.loadFences();
      this.markFence(d.fence.id, false);
      this.say(this.t("fence.saved", { name: d.fence.name || d.fence.id }));
    } catch (e) {
      if (this.draft) this.draft = { ...this.draft, saving: false, refusal: refusalOf(e) };
      this.changed();
    }
  }

  async deleteFence(id: string): Promise<void> {
    const name = this.fenceLabel(id);
    try {
      await api.deleteFence(id);
    } catch (e) {
      if (this.draft) this.draft = { ...this.draft, refusal: refusalOf(e) };
      else this.say(reason(e));
      this.changed();
      return;
    }
    this.cancelDraft();
    this.markedFence = "";
    await this.loadFences();
    this.say(this.t("fence.deleted", { name }));
  }

  // Events.

  /** Goes where an event happened and shows its fence and vehicle. */
  showEvent(e: FenceEvent): void {
    this.opened = true;
    this.select(e.unit, false);
    this.markFence(e.fence, false);
    this.map?.fly(e.lon, e.lat, 14);
  }

  setFeedHidden(hidden: boolean): void {
    this.feedHidden = hidden;
    this.remember({ feedHidden: hidden });
    this.changed();
  }

  // Language, theme, words.

  setLanguage(l: Language): void {
    this.language = l;
    this.remember({ language: l });
    this.dress();
    this.changed();
  }

  setTheme(theme: ThemeName): void {
    this.theme = theme;
    this.remember({ theme });
    this.dress();
    this.map?.setTheme(theme);
    this.changed();
  }

  private remember(p: Prefs): void {
    Object.assign(this.prefs, p);
    writePrefs(() => localStorage, this.prefs);
  }

  private dress(): void {
    this.t = translator(this.language);
    this.clock = new Clock(this.language, Date.now());
    const html = document.documentElement;
    html.lang = TAGS[this.language];
    html.dataset["theme"] = this.theme;
    document.title = this.t("app.title");
  }

  setHelp(open: boolean): void {
    this.helpOpen = open;
    this.changed();
  }

  say(message: string): void {
    this.toast = message;
    window.clearTimeout(this.toastTimer);
    this.toastTimer = window.setTimeout(() => {
      this.toast = "";
      this.changed();
    }, TOAST_MS);
    this.changed();
  }

  /** Takes a step back: what Escape does. */
  back(): void {
    if (this.draft?.drawing) this.cancelDraft();
    else if (this.query) this.setQuery("");
    else if (this.selected) this.select("", false);
    else if (this.markedFence) this.markFence("", false);
  }
}

function refusalOf(e: unknown): api.ApiError {
  return e instanceof api.ApiError ? e : new api.ApiError(0, "", "", reason(e));
}

function reason(e: unknown): string {
  return e instanceof Error ? e.message : String(e);
}

function emptyShape(tool: Shape["type"]): Shape {
  switch (tool) {
    case "polygon":
      return { type: "polygon", polygons: [[[]]] };
    case "circle":
      return { type: "circle", center: [0, 0], radiusM: 0 };
    case "corridor":
      return { type: "corridor", line: [], widthM: 200 };
  }
}

/** The box asked for: wider by margin on each side, longitudes from -180 to 180, west > east across 180°. */
export function widened(b: Box, margin: number): [number, number, number, number] {
  const dx = (b.e - b.w) * margin;
  const dy = (b.n - b.s) * margin;
  const s = Math.max(-90, b.s - dy);
  const n = Math.min(90, b.n + dy);
  if (b.e - b.w + 2 * dx >= 360) return [-180, s, 180, n];
  const wrap = (x: number) => ((((x + 180) % 360) + 360) % 360) - 180;
  return [wrap(b.w - dx), s, wrap(b.e + dx), n];
}

/**
 * The page's state and what can be done with it. The panels read it and call it; the map is told through MapPort. It knows neither
 * Preact nor the map library.
 */
import * as api from "./api.ts";
import { browserTimers, Connection, type Link } from "./connection.ts";
import { Feed } from "./feed.ts";
import { boundsOf } from "./fence.ts";
import { type DeskHost, FenceDesk } from "./fencedesk.ts";
import { Clock, eventVerb } from "./format.ts";
import { type Box, boxOf } from "./geo.ts";
import { formatHash, parseHash, type View } from "./hash.ts";
import { type Language, preferred, TAGS, type Translate, translator } from "./i18n/index.ts";
import type { ThemeName } from "./map/theme.ts";
import type { MapPort } from "./mapport.ts";
import { type Prefs, readPrefs, writePrefs } from "./prefs.ts";
import { Fleet } from "./store.ts";
import { type ListHost, UnitList } from "./unitlist.ts";
import { Viewport } from "./viewport.ts";
import { UnitWatch, type WatchHost } from "./watch.ts";
import type { FenceEvent, Message } from "./wire.ts";

export type Tab = "vehicles" | "fences" | "events";

const TICK_MS = 1000;
/** How soon a service that could not be reached is asked again, before the page has shown anything. */
const ENTER_MS = 3000;
/** Panels are drawn again at most this often for data; at once for what the person does. */
const DATA_MS = 250;
const TOAST_MS = 5000;
const FIRST_EVENTS = 200;
/** A chosen vehicle is seen from at least as near as this: one of its own, not one in a heap. */
const NEAR_ZOOM = 14;

export class App implements DeskHost, WatchHost, ListHost {
  readonly fleet = new Fleet();
  readonly feed = new Feed();
  readonly fences = new FenceDesk(this);
  readonly watch = new UnitWatch(this);
  readonly list = new UnitList(this);
  phase: "starting" | "signed-out" | "running" | "failed" = "starting";
  failure = "";
  session: api.Session | null = null;
  link: Link = { state: "connecting", attempt: 1 };
  /** When the stream was last heard, Unix milliseconds. */
  heard = 0;

  tab: Tab = "vehicles";
  selected = "";
  following = false;
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

  map: MapPort | null = null;
  private readonly connection: Connection;
  private readonly viewport: Viewport;
  private readonly subscribers = new Set<() => void>();
  private scheduled = 0;
  private dataTimer = 0;
  private skew = 0;
  private wanted: string;
  private readonly prefs: Prefs;
  private toastTimer = 0;

  constructor() {
    this.prefs = readPrefs(() => localStorage);
    this.language = this.prefs.language ?? preferred(navigator.languages);
    this.theme = this.prefs.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    this.feedHidden = this.prefs.feedHidden ?? false;
    this.t = translator(this.language);
    this.clock = new Clock(this.language, Date.now());
    const at = parseHash(location.hash);
    this.viewport = new Viewport(this.fleet, at.view, (q) => this.connection.look(q));
    this.wanted = at.unit;
    this.fences.marked = at.fence;
    this.connection = new Connection(
      () => new WebSocket(new URL("api/v1/live", document.baseURI).href.replace(/^http/, "ws")),
      browserTimers,
      {
        began: () => {
          this.fleet.beginStream();
          void this.fences.load();
        },
        message: (m) => this.receive(m),
        link: (l) => this.setLink(l),
        malformed: (e) => console.warn("live message dropped:", e),
        cursor: () => this.feed.cursor,
      },
    );
    this.dress();
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
    this.viewport.open(map);
    this.fences.show();
    if (this.selected) this.map.select(this.fleet.row(this.selected));
  }

  async start(): Promise<void> {
    window.setInterval(() => this.tick(), TICK_MS);
    window.addEventListener("online", () => this.connection.retry());
    window.addEventListener("beforeunload", (e) => {
      if (this.fences.draft?.changed) e.preventDefault();
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
      await Promise.all([this.list.load(), this.fences.load(), this.loadEvents(), this.loadTiles()]);
    } catch (e) {
      this.failure = reason(e);
      if (this.phase !== "running") {
        this.phase = "failed";
        window.setTimeout(() => this.phase === "failed" && void this.enter(), ENTER_MS);
      }
      this.changed();
    }
  }

  retry(): void {
    if (this.phase === "running") {
      this.connection.retry();
      void this.list.load();
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
        void this.fences.load();
        break;
      case "snapshot_end":
        this.viewport.open(this.map);
        break;
      case "error":
        this.say(m.message || m.code);
        break;
      case "positions":
        this.followOn();
        this.watch.moved();
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

  /** The list of all units came, or did not. */
  listed(): void {
    if (this.wanted && this.fleet.row(this.wanted) >= 0) {
      const id = this.wanted;
      this.wanted = "";
      this.select(id, !this.viewport.opened);
    }
    this.viewport.open(this.map);
    this.map?.repaint();
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
    const what = eventVerb(e.kind, this.t);
    this.announcement = this.t("event.announce", { unit: this.unitLabel(e.unit), what, fence: this.fenceLabel(e.fence) });
  }

  unitLabel(id: string): string {
    const r = this.fleet.row(id);
    return r >= 0 ? this.fleet.label(r) : id;
  }

  fenceLabel(id: string): string {
    return this.fences.label(id);
  }

  private tick(): void {
    if (this.phase !== "running") return;
    if (this.fleet.tick(this.now())) this.map?.repaint();
    if (!document.hidden) {
      this.list.refresh();
      this.watch.refresh();
      this.fences.refresh();
    }
    this.changed();
  }

  // The view.

  /** The view the URL asks for, if any. */
  get openingView(): View | null {
    return this.viewport.view;
  }

  get box(): Box | null {
    return this.viewport.box;
  }

  showAll(): void {
    this.setFollowing(false);
    this.viewport.showAll(this.map);
  }

  /** The map moved. */
  moved(view: View, box: Box, settled: boolean): void {
    this.viewport.moved(view, box, settled);
    if (settled && this.viewport.opened) this.writeHash();
  }

  grabbed(): void {
    this.viewport.opened = true;
    this.setFollowing(false);
  }

  counted(n: number): void {
    this.inView = n;
    this.dataChanged();
  }

  private writeHash(): void {
    const hash = formatHash({ view: this.viewport.view, unit: this.selected, fence: this.fences.marked });
    history.replaceState(null, "", hash || location.pathname);
  }

  // The selection.

  /** By whose rules names are put in order. */
  get tag(): string {
    return TAGS[this.language];
  }

  showFences(): void {
    this.setTab("fences");
  }

  marked(): void {
    this.viewport.opened ||= this.fences.marked !== "";
    this.writeHash();
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
      this.watch.watch(this.selected);
      this.map?.select(row);
      this.connection.follow(this.selected);
      this.writeHash();
    }
    if (fly && row >= 0 && this.fleet.time[row]! > 0) {
      this.viewport.opened = true;
      this.map?.fly(this.fleet.lon[row]! / 1e7, this.fleet.lat[row]! / 1e7, NEAR_ZOOM);
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

  // Events.

  /** Goes to the place a refusal names. */
  showPlace(at: { lat: number; lon: number }): void {
    this.map?.fly(at.lon, at.lat, 15);
  }

  /** Goes where an event happened and shows its fence and vehicle. */
  showEvent(e: FenceEvent): void {
    this.viewport.opened = true;
    this.select(e.unit, false);
    this.fences.mark(e.fence, false);
    const fence = this.fences.find(e.fence);
    const around = fence && boundsOf(fence.shape);
    const box =
      around &&
      boxOf([
        [around.w, around.s],
        [around.e, around.n],
        [e.lon, e.lat],
      ]);
    if (box) this.map?.fit(box, false, 15);
    else this.map?.fly(e.lon, e.lat, 13);
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
    if (this.fences.draft?.drawing) this.fences.cancel();
    else if (this.list.query) this.list.setQuery("");
    else if (this.selected) this.select("", false);
    else if (this.fences.marked) this.fences.mark("", false);
  }
}

function reason(e: unknown): string {
  return e instanceof Error ? e.message : String(e);
}

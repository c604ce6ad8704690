/** The fences of the service, the one that is marked, and the one that is being drawn or edited. */
import * as api from "./api.ts";
import { boundsOf, DEFAULT_WIDTH_M, type Fence, type FenceKind, fromFeature, newFenceId, type Shape, toFeature } from "./fence.ts";
import type { Box } from "./geo.ts";
import type { Translate } from "./i18n/index.ts";
import type { MapPort } from "./mapport.ts";

/** A fence in the editor. drawing is true until its shape exists. */
export interface Draft {
  fence: Fence;
  isNew: boolean;
  drawing: boolean;
  changed: boolean;
  saving: boolean;
  refusal: api.ApiError | null;
}

const OCCUPANTS_MS = 5000;

/** What a FenceDesk needs of the page around it. */
export interface DeskHost {
  readonly map: MapPort | null;
  /** What the map shows now. */
  readonly box: Box | null;
  readonly t: Translate;
  /** The language's tag, by whose rules names are put in order. */
  readonly tag: string;
  changed(): void;
  say(message: string): void;
  /** The person looks at fences now. */
  showFences(): void;
  /** The marked fence is another one. */
  marked(): void;
}

export class FenceDesk {
  list: Fence[] = [];
  loaded = false;
  /** Why the fences could not be loaded; "" when they could. */
  failure = "";
  /** The fence that is open in the list and strong on the map; "" none. */
  marked = "";
  occupants: { unit: string; since: number }[] | null = null;
  draft: Draft | null = null;
  private occupantsAt = 0;
  /** Names of all fences ever seen here: events outlive their fences. */
  private readonly names = new Map<string, string>();

  constructor(private readonly host: DeskHost) {}

  label(id: string): string {
    return this.names.get(id) || id;
  }

  find(id: string): Fence | undefined {
    return this.list.find((f) => f.id === id);
  }

  async load(): Promise<void> {
    try {
      const list: Fence[] = [];
      for (const f of await api.fences()) {
        try {
          list.push(fromFeature(f));
        } catch (e) {
          console.warn("fence not understood:", e);
        }
      }
      const collator = new Intl.Collator(this.host.tag, { numeric: true });
      this.list = list.sort((a, b) => collator.compare(a.name || a.id, b.name || b.id));
      for (const f of list) this.names.set(f.id, f.name);
      this.loaded = true;
      this.failure = "";
    } catch (e) {
      this.failure = reason(e);
    }
    this.show();
    this.host.changed();
  }

  /** Tells the map what to draw. */
  show(): void {
    const d = this.draft?.fence;
    const others = d ? this.list.filter((f) => f.id !== d.id) : this.list;
    // The map's own handles show the draft's line; how wide a corridor is they cannot show.
    this.host.map?.setFences(d?.shape.type === "corridor" && d.shape.line.length > 1 ? [...others, d] : others, d ? "" : this.marked);
  }

  /** Marks a fence on the map and opens it in the list; "" for none. */
  mark(id: string, fit: boolean): void {
    this.marked = id;
    this.occupants = null;
    this.show();
    const f = this.find(id);
    const box = f && boundsOf(f.shape);
    if (fit && box) this.host.map?.fit(box, false, 16);
    if (f) void this.loadOccupants();
    this.host.marked();
    this.host.changed();
  }

  /** Loads again what has grown old. */
  refresh(): void {
    if (this.marked && Date.now() - this.occupantsAt > OCCUPANTS_MS) void this.loadOccupants();
  }

  private async loadOccupants(): Promise<void> {
    const id = this.marked;
    this.occupantsAt = Date.now();
    if (!this.find(id)) return;
    try {
      const list = await api.inside(id);
      if (this.marked === id) this.occupants = list;
    } catch (e) {
      if (this.marked === id && this.occupants === null) this.host.say(reason(e));
    }
    this.host.changed();
  }

  /** Begins a new fence: it is drawn on the map, or typed. */
  begin(tool: Shape["type"]): void {
    const kind: FenceKind = tool === "corridor" ? "corridor" : "zone";
    const fence: Fence = {
      id: newFenceId(kind, Math.random),
      name: "",
      kind,
      shape: emptyShape(tool),
      speedLimitMps: 0,
      dwellS: 0,
      revision: 0,
    };
    this.draft = { fence, isNew: true, drawing: true, changed: false, saving: false, refusal: null };
    this.host.showFences();
    this.host.map?.draw(tool);
    this.host.changed();
  }

  /** Gives up the mouse: the draft gets a small shape in the middle of the view, to be moved by typing. */
  typeShape(): void {
    const b = this.host.box;
    if (!this.draft || !b) return;
    const shape = shapeIn(b, this.draft.fence.shape);
    this.drawn(shape);
    this.host.map?.edit(shape);
  }

  edit(id: string): void {
    const fence = this.find(id);
    if (!fence) return;
    this.draft = { fence, isNew: false, drawing: false, changed: false, saving: false, refusal: null };
    this.host.showFences();
    this.mark(id, true);
    this.host.map?.edit(fence.shape);
  }

  /** The shape was drawn or dragged on the map. */
  drawn(shape: Shape): void {
    if (!this.draft) return;
    this.draft = { ...this.draft, fence: { ...this.draft.fence, shape }, drawing: false, changed: true, refusal: null };
    if (shape.type === "corridor") this.show();
    this.host.changed();
  }

  /** The form changed the draft. redraw when the shape changed with it. */
  amend(change: Partial<Fence>, redraw: boolean): void {
    if (!this.draft) return;
    this.draft = { ...this.draft, fence: { ...this.draft.fence, ...change }, changed: true, refusal: null };
    if (redraw) {
      this.host.map?.edit(this.draft.fence.shape);
      this.show();
    }
    this.host.changed();
  }

  cancel(): void {
    this.draft = null;
    this.host.map?.endDrawing();
    this.show();
    this.host.changed();
  }

  async save(): Promise<void> {
    const d = this.draft;
    if (!d || d.saving) return;
    this.draft = { ...d, saving: true, refusal: null };
    this.host.changed();
    try {
      await api.putFence(d.fence.id, toFeature(d.fence));
      this.draft = null;
      this.host.map?.endDrawing();
      await this.load();
      this.mark(d.fence.id, false);
      this.host.say(this.host.t("fence.saved", { name: d.fence.name || d.fence.id }));
    } catch (e) {
      if (this.draft) this.draft = { ...this.draft, saving: false, refusal: refusalOf(e) };
      this.host.changed();
    }
  }

  async remove(id: string): Promise<void> {
    const name = this.label(id);
    try {
      await api.deleteFence(id);
    } catch (e) {
      if (this.draft) this.draft = { ...this.draft, refusal: refusalOf(e) };
      else this.host.say(reason(e));
      this.host.changed();
      return;
    }
    this.cancel();
    this.mark("", false);
    await this.load();
    this.host.say(this.host.t("fence.deleted", { name }));
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
      return { type: "corridor", line: [], widthM: DEFAULT_WIDTH_M };
  }
}

/** A shape of the same type as like, a quarter of the view across, in its middle. */
function shapeIn(b: Box, like: Shape): Shape {
  const [lon, lat] = [(b.w + b.e) / 2, (b.s + b.n) / 2];
  const [dx, dy] = [(b.e - b.w) / 8, (b.n - b.s) / 8];
  switch (like.type) {
    case "polygon":
      return {
        type: "polygon",
        polygons: [
          [
            [
              [lon - dx, lat - dy],
              [lon + dx, lat - dy],
              [lon + dx, lat + dy],
              [lon - dx, lat + dy],
            ],
          ],
        ],
      };
    case "circle":
      return { type: "circle", center: [lon, lat], radiusM: Math.round(dy * 111_000) };
    case "corridor":
      return {
        type: "corridor",
        line: [
          [lon - dx, lat],
          [lon + dx, lat],
        ],
        widthM: like.widthM,
      };
  }
}

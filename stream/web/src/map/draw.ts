/** Drawing and reshaping one fence on the map, on terra-draw. Loaded when first needed. */
import type { Map as LibreMap } from "maplibre-gl";
import {
  type GeoJSONStoreFeatures,
  type HexColor,
  TerraDraw,
  TerraDrawCircleMode,
  TerraDrawLineStringMode,
  TerraDrawPolygonMode,
  TerraDrawSelectMode,
} from "terra-draw";
import { TerraDrawMapLibreGLAdapter } from "terra-draw-maplibre-gl-adapter";
import { DEFAULT_WIDTH_M, type Shape } from "../fence.ts";
import { circleRing, distance, type Point } from "../geo.ts";
import type { MapTheme } from "./theme.ts";

export type Tool = Shape["type"];

const CIRCLE_CORNERS = 96;

const MODES: Record<Tool, string> = { polygon: "polygon", circle: "circle", corridor: "linestring" };

export class Drawing {
  private readonly draw: TerraDraw;
  private editing: string | number | null = null;
  private shape: Shape | null = null;
  private quiet = false;

  constructor(
    map: LibreMap,
    theme: MapTheme,
    /** Called with the shape when it has been drawn, and with every change after. */
    private readonly changed: (shape: Shape) => void,
  ) {
    const colour = theme.accent as HexColor;
    const edge = theme.halo as HexColor;
    const area = { fillColor: colour, fillOpacity: 0.14, outlineColor: colour, outlineWidth: 2 };
    const coordinates = { midpoints: { draggable: true }, draggable: true, deletable: true };
    const selectPoints = {
      selectedPolygonColor: colour,
      selectedPolygonFillOpacity: 0.14,
      selectedPolygonOutlineColor: colour,
      selectedPolygonOutlineWidth: 2,
      selectedLineStringColor: colour,
      selectedLineStringWidth: 3,
      selectionPointColor: colour,
      selectionPointWidth: (f: GeoJSONStoreFeatures) => (this.handle(f) ? 6 : 0),
      selectionPointOutlineColor: edge,
      selectionPointOutlineWidth: (f: GeoJSONStoreFeatures) => (this.handle(f) ? 2 : 0),
      midPointColor: edge,
      midPointOutlineColor: colour,
      midPointWidth: 4,
      midPointOutlineWidth: 1,
    };
    this.draw = new TerraDraw({
      adapter: new TerraDrawMapLibreGLAdapter({ map, coordinatePrecision: 9 }),
      modes: [
        new TerraDrawPolygonMode({
          styles: { ...area, closingPointColor: colour, closingPointWidth: 6, closingPointOutlineColor: edge, closingPointOutlineWidth: 2 },
        }),
        new TerraDrawCircleMode({ styles: area, segments: CIRCLE_CORNERS }),
        new TerraDrawLineStringMode({
          styles: {
            lineStringColor: colour,
            lineStringWidth: 3,
            closingPointColor: colour,
            closingPointWidth: 6,
            closingPointOutlineColor: edge,
          },
        }),
        new TerraDrawSelectMode({
          styles: selectPoints,
          allowManualDeselection: false,
          flags: {
            polygon: { feature: { draggable: true, coordinates } },
            linestring: { feature: { draggable: true, coordinates } },
            circle: { feature: { draggable: true, coordinates: { resizable: "center-fixed" } } },
          },
        }),
      ],
    });
    this.draw.start();
    this.draw.on("finish", (id, context) => this.finished(id, context.action));
    this.draw.on("change", (ids, type) => {
      if (type === "update" && this.editing !== null && ids.includes(this.editing)) this.read();
    });
  }

  /** Whether a corner is shown as a handle: all are, but of a circle's many only four. */
  private handle(corner: GeoJSONStoreFeatures): boolean {
    const index = corner.properties["index"];
    return this.shape?.type !== "circle" || typeof index !== "number" || index % (CIRCLE_CORNERS / 4) === 0;
  }

  /** Begins to draw a new shape. */
  start(tool: Tool): void {
    this.reset();
    this.draw.setMode(MODES[tool]);
  }

  /** Shows a shape with handles to drag. Shapes of many rings are not taken. */
  edit(shape: Shape): void {
    this.reset();
    this.shape = shape;
    const feature = toStore(shape);
    if (!feature) return;
    const [result] = this.draw.addFeatures([feature]);
    if (!result?.valid || result.id === undefined) return;
    this.editing = result.id;
    this.draw.selectFeature(result.id);
  }

  stop(): void {
    this.reset();
    this.draw.stop();
  }

  private reset(): void {
    this.editing = null;
    this.shape = null;
    this.quiet = true;
    this.draw.setMode("select");
    this.draw.clear();
    this.quiet = false;
  }

  private finished(id: string | number, action: string): void {
    if (this.quiet) return;
    if (action === "draw") {
      const shape = this.shapeOf(id);
      if (!shape) return;
      // Out of terra-draw's own event first: it is still in the middle of finishing.
      queueMicrotask(() => {
        this.edit(shape);
        this.changed(shape);
      });
      return;
    }
    this.read();
  }

  private read(): void {
    if (this.quiet || this.editing === null) return;
    const shape = this.shapeOf(this.editing);
    if (!shape || JSON.stringify(shape) === JSON.stringify(this.shape)) return;
    this.shape = shape;
    this.changed(shape);
  }

  private shapeOf(id: string | number): Shape | null {
    const f = this.draw.getSnapshotFeature(id);
    if (!f) return null;
    const before = this.shape;
    if (f.geometry.type === "LineString") {
      const widthM = before?.type === "corridor" ? before.widthM : DEFAULT_WIDTH_M;
      return { type: "corridor", line: f.geometry.coordinates.map(point), widthM };
    }
    if (f.geometry.type !== "Polygon") return null;
    const ring = f.geometry.coordinates[0]!.slice(0, -1).map(point);
    if (f.properties["mode"] !== "circle") return { type: "polygon", polygons: [[ring]] };
    return circleOf(ring);
  }
}

/** The circle a ring of even corners stands for. */
function circleOf(ring: Point[]): Shape {
  const lats = ring.map((p) => p[1]);
  const lons = ring.map((p) => p[0]);
  const center: Point = [(Math.min(...lons) + Math.max(...lons)) / 2, (Math.min(...lats) + Math.max(...lats)) / 2];
  const radiusM = ring.reduce((sum, p) => sum + distance(center, p), 0) / ring.length;
  return { type: "circle", center, radiusM: Math.round(radiusM * 10) / 10 };
}

function point(p: number[]): Point {
  return [p[0]!, p[1]!];
}

function toStore(s: Shape): GeoJSONStoreFeatures | null {
  switch (s.type) {
    case "polygon": {
      const ring = s.polygons[0]?.[0];
      if (!ring || ring.length < 3 || s.polygons.length > 1 || s.polygons[0]!.length > 1) return null;
      return {
        type: "Feature",
        geometry: { type: "Polygon", coordinates: [[...ring, ring[0]!].map(fixed)] },
        properties: { mode: "polygon" },
      };
    }
    case "circle": {
      if (!(s.radiusM > 0)) return null;
      return {
        type: "Feature",
        geometry: { type: "Polygon", coordinates: [circleRing(s.center, s.radiusM, CIRCLE_CORNERS).map(fixed)] },
        properties: { mode: "circle", radiusKilometers: s.radiusM / 1000 },
      };
    }
    case "corridor":
      if (s.line.length < 2) return null;
      return { type: "Feature", geometry: { type: "LineString", coordinates: s.line.map(fixed) }, properties: { mode: "linestring" } };
  }
}

/** terra-draw refuses more decimals than it was told to keep. */
function fixed(p: Point): Point {
  return [Math.round(p[0] * 1e9) / 1e9, Math.round(p[1] * 1e9) / 1e9];
}

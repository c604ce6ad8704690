/** The layers of the map below and above the vehicles, and their colours. */
import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from "maplibre-gl";
import type { MapTheme } from "./theme.ts";

export const SOURCES = ["land", "coast", "urban", "grid", "fences", "trail"] as const;
export type SourceName = (typeof SOURCES)[number];

export const EMPTY: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };

/** Layers that the operator's tiles go above. */
export const FIRST_OVER_TILES = "grid";
/** The vehicles go below this one: what is being drawn stays on top. */
export const FENCE_FILL = "fence-fill";
export const FENCE_HIT = ["fence-fill", "fence-corridor"];

/** A width in metres (property "wide", pixels at zoom 0) at every zoom. */
const METRES: ExpressionSpecification = [
  "interpolate",
  ["exponential", 2],
  ["zoom"],
  0,
  ["get", "wide"],
  24,
  ["*", ["get", "wide"], 2 ** 24],
];

/** Built-up areas come from a coarser map than the coast: near, they would lie in the sea. */
const URBAN_OPACITY: ExpressionSpecification = ["interpolate", ["linear"], ["zoom"], 7.5, 1, 9.5, 0];

const MARKED: ExpressionSpecification = ["==", ["get", "marked"], true];

export function style(t: MapTheme): StyleSpecification {
  const sources = Object.fromEntries(
    SOURCES.map((name) => [
      name,
      { type: "geojson" as const, data: EMPTY, ...(name === "land" || name === "coast" ? { maxzoom: 14 } : {}) },
    ]),
  );
  return { version: 8, sources, layers: layers(t) };
}

export function layers(t: MapTheme): LayerSpecification[] {
  return [
    { id: "water", type: "background", paint: { "background-color": t.water } },
    { id: "land", type: "fill", source: "land", paint: { "fill-color": t.land, "fill-antialias": false } },
    {
      id: "urban",
      type: "fill",
      source: "urban",
      paint: { "fill-color": t.urban, "fill-antialias": false, "fill-opacity": URBAN_OPACITY },
    },
    {
      id: "coast",
      type: "line",
      source: "coast",
      paint: { "line-color": t.coast, "line-width": ["interpolate", ["linear"], ["zoom"], 2, 0.5, 9, 1.2] },
    },
    { id: "grid", type: "line", source: "grid", paint: { "line-color": t.grid, "line-width": 1, "line-opacity": 0.07 } },
    {
      id: "fence-corridor",
      type: "line",
      source: "fences",
      filter: ["==", ["geometry-type"], "LineString"],
      layout: { "line-cap": "round", "line-join": "round" },
      paint: { "line-color": t.fence, "line-width": METRES, "line-opacity": ["case", MARKED, t.fenceFill * 2, t.fenceFill * 1.5] },
    },
    {
      id: FENCE_FILL,
      type: "fill",
      source: "fences",
      filter: ["==", ["geometry-type"], "Polygon"],
      paint: { "fill-color": t.fence, "fill-opacity": ["case", MARKED, t.fenceFill * 1.6, t.fenceFill] },
    },
    {
      id: "fence-line",
      type: "line",
      source: "fences",
      layout: { "line-join": "round" },
      paint: {
        "line-color": t.fence,
        "line-width": ["case", MARKED, 2.5, 1.4],
        "line-opacity": 0.85,
      },
    },
    {
      id: "trail-edge",
      type: "line",
      source: "trail",
      layout: { "line-cap": "round", "line-join": "round" },
      paint: { "line-color": t.halo, "line-width": 6, "line-opacity": 0.7 },
    },
    {
      id: "trail",
      type: "line",
      source: "trail",
      layout: { "line-cap": "round", "line-join": "round" },
      paint: { "line-color": t.accent, "line-width": 3, "line-opacity": ["get", "fresh"] },
    },
  ];
}

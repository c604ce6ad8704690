/** The map's colours in light and dark. The panels' are in style.css, and the two are tuned together. */
export type ThemeName = "light" | "dark";

export interface MapTheme {
  water: string;
  land: string;
  coast: string;
  urban: string;
  grid: string;
  place: string;
  port: string;
  halo: string;
  label: string;
  moving: string;
  stopped: string;
  silent: string;
  /** The edge around every arrow, so that it stands out on land, water and another arrow. */
  edge: string;
  accent: string;
  fence: string;
  fenceFill: number;
  cell: string;
  cellText: string;
}

export const THEMES: Record<ThemeName, MapTheme> = {
  light: {
    water: "#dbe6ee",
    land: "#f6f5f0",
    coast: "#b4c3cd",
    urban: "#eae7de",
    grid: "#22435c",
    place: "#5b6570",
    port: "#3f6584",
    halo: "#fbfbf8",
    label: "#14202b",
    moving: "#0b7a5b",
    stopped: "#c2570c",
    silent: "#66717d",
    edge: "#ffffff",
    accent: "#1d5fd1",
    fence: "#6d3fc4",
    fenceFill: 0.09,
    cell: "#2f6f9f",
    cellText: "#ffffff",
  },
  dark: {
    water: "#0e1720",
    land: "#1a2530",
    coast: "#35475a",
    urban: "#243140",
    grid: "#9fc1de",
    place: "#93a1ae",
    port: "#86aac8",
    halo: "#111a23",
    label: "#eef3f7",
    moving: "#43d6a4",
    stopped: "#f7a35c",
    silent: "#9aa6b3",
    edge: "#0b1219",
    accent: "#6ea8ff",
    fence: "#b69bff",
    fenceFill: 0.12,
    cell: "#3f83b5",
    cellText: "#ffffff",
  },
};

/** #rrggbb as three parts from 0 to 1. */
export function rgb(hex: string): [number, number, number] {
  const n = Number.parseInt(hex.slice(1), 16);
  return [((n >> 16) & 255) / 255, ((n >> 8) & 255) / 255, (n & 255) / 255];
}

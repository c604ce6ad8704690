/** What the page asks of its map: everything in longitudes, latitudes and rows of the fleet. */
import type { Tiles, TrackPoint } from "./api.ts";
import type { Fence, Shape } from "./fence.ts";
import type { Box } from "./geo.ts";
import type { ThemeName } from "./map/theme.ts";

/** What the app asks of the map. */
export interface MapPort {
  repaint(): void;
  select(row: number): void;
  fly(lon: number, lat: number, zoom: number): void;
  glideTo(lon: number, lat: number): void;
  fit(box: Box, instant: boolean, maxZoom?: number): void;
  setFences(fences: Fence[], marked: string): void;
  setTrail(points: TrackPoint[], now: number): void;
  setTheme(theme: ThemeName): void;
  setTiles(t: Tiles): Promise<void>;
  draw(tool: Shape["type"]): void;
  edit(shape: Shape): void;
  endDrawing(): void;
}

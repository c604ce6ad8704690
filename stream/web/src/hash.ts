/** The view and the selection in the URL's hash, so that a link shows exactly this: #map=12.30/36.06710/120.38270&unit=truck-7. */
export interface View {
  zoom: number;
  lat: number;
  lon: number;
}

export interface Place {
  view: View | null;
  unit: string;
  fence: string;
}

export function parseHash(hash: string): Place {
  const q = new URLSearchParams(hash.replace(/^#/, ""));
  const m = /^(\d+(?:\.\d+)?)\/(-?\d+(?:\.\d+)?)\/(-?\d+(?:\.\d+)?)$/.exec(q.get("map") ?? "");
  const view = m ? { zoom: Number(m[1]), lat: Number(m[2]), lon: Number(m[3]) } : null;
  const sound = view && view.zoom <= 22 && Math.abs(view.lat) <= 90 && Math.abs(view.lon) <= 180;
  return { view: sound ? view : null, unit: q.get("unit") ?? "", fence: q.get("fence") ?? "" };
}

export function formatHash(p: Place): string {
  const parts: string[] = [];
  if (p.view) parts.push(`map=${p.view.zoom.toFixed(2)}/${p.view.lat.toFixed(5)}/${p.view.lon.toFixed(5)}`);
  if (p.unit) parts.push(`unit=${encodeURIComponent(p.unit)}`);
  if (p.fence) parts.push(`fence=${encodeURIComponent(p.fence)}`);
  return parts.length ? `#${parts.join("&")}` : "";
}

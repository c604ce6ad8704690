// Picks the ports of the base map from the World Port Index (csv as in Pub. 150: wpi,name,unlocode,country,harbor_size,…,lat,lon):
//
//   node basemap/ports.mjs world-port-index.csv > src/map/ports.json
//
// All of size Large and Medium, and all of China. Each is [name, lon, lat, size], size 3 large, 2 medium, 1 other.
import { readFileSync } from "node:fs";

const [head, ...lines] = readFileSync(process.argv[2], "utf8")
  .trim()
  .split(/\r?\n/)
  .map((l) => (l.match(/("[^"]*"|[^,]*)(,|$)/g) ?? []).map((c) => c.replace(/,$/, "").replace(/^"|"$/g, "")));
const col = (row, name) => row[head.indexOf(name)];
const sizes = { Large: 3, Medium: 2 };
const ports = lines
  .filter((r) => sizes[col(r, "harbor_size")] || col(r, "country") === "China")
  .map((r) => [
    col(r, "name").replace(/ Gang$/, ""),
    Math.round(col(r, "lon") * 1000) / 1000,
    Math.round(col(r, "lat") * 1000) / 1000,
    sizes[col(r, "harbor_size")] ?? 1,
  ])
  .sort((a, b) => b[3] - a[3] || (a[0] < b[0] ? -1 : 1));
console.log(`[\n${ports.map((p) => JSON.stringify(p)).join(",\n")}\n]`);

// The satellites: where they stand in the sky, and how strong each is heard.
import { fill, systems } from "./words.js";

const strongest = 55; // dB-Hz of a full bar; below 25 a satellite hardly serves
const rim = 96; // the horizon's radius in the plot
const crowded = 60; // satellites from which only the used ones have their number in the plot

const svg = (name, attributes, text = "") => {
  const e = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.textContent = text;
  return e;
};

export const element = (name, className, text = "") => {
  const e = document.createElement(name);
  e.className = className;
  e.textContent = text;
  return e;
};

const order = Object.keys(systems);
const label = (s) => systems[s.system][1] + String(s.number).padStart(2, "0");
const stateOf = (s) => (s.used ? "used" : s.cn0_dbhz ? "heard" : "lost");

/** What lies on top in the plot: the used ones, and of these BeiDou. */
const layer = (s) => ["lost", "heard", "used"].indexOf(stateOf(s)) * order.length - order.indexOf(s.system);

/** Draws source.satellites and source.sky of the status. */
export function showSky(source, t) {
  const satellites = (source.satellites || []).filter((s) => systems[s.system]);
  satellites.sort((a, b) => order.indexOf(a.system) - order.indexOf(b.system) || a.number - b.number);
  const plot = document.getElementById("plot");
  plot.setAttribute("aria-label", fill(t.plot, { n: satellites.length }));
  const placed = satellites.filter((s) => s.elevation_deg !== undefined && s.azimuth_deg !== undefined);
  placed.sort((a, b) => layer(a) - layer(b));
  plot.replaceChildren(...horizon(t), ...placed.map((s) => dot(s, placed.length)));
  const rows = order.filter((name) => source.sky?.[name]).map((name) => system(name, source.sky[name], satellites, t));
  document.getElementById("signals").replaceChildren(...(rows.length ? rows : [element("p", "state warn", t.noSky)]));
  document.getElementById("legend").hidden = !rows.length;
}

function horizon(t) {
  const ring = (elevation) => svg("circle", { class: "ring", r: rim * (1 - elevation / 90) });
  const cross = svg("path", { class: "ring", d: `M0 ${-rim}V${rim}M${-rim} 0H${rim}` });
  const far = rim + 9;
  const sides = [[t.north, 0, -far], [t.east, far, 0], [t.south, 0, far], [t.west, -far, 0]];
  return [ring(0), ring(30), ring(60), cross, ...sides.map(([text, x, y]) => svg("text", { class: "north", x, y }, text))];
}

function dot(s, all) {
  const r = rim * (1 - s.elevation_deg / 90);
  const a = (s.azimuth_deg * Math.PI) / 180;
  const g = svg("g", { class: `${s.system} ${stateOf(s)}`, transform: `translate(${r * Math.sin(a)} ${-r * Math.cos(a)})` });
  g.append(svg("circle", { class: "sat", r: 10.5 }));
  if (s.used || all < crowded) g.append(svg("text", { class: "sat" }, label(s)));
  return g;
}

/** One constellation: its names, what is in use, and a bar for each satellite. */
function system(name, sum, satellites, t) {
  const row = element("div", `system ${name}`);
  const head = element("h3", "");
  const figures = [fill(t.inUse, { used: sum.used, seen: sum.in_view })];
  if (sum.mean_cn0_dbhz) figures.push(fill(t.average, { n: sum.mean_cn0_dbhz }));
  if (sum.signals) figures.push(sum.signals.join(" "));
  head.append(element("b", "", systems[name][0]), element("span", "", figures.join(" · ")));
  const bars = element("div", "bars");
  bars.append(...satellites.filter((s) => s.system === name).map(bar));
  row.append(head, bars);
  return row;
}

function bar(s) {
  const e = element("div", `bar ${stateOf(s)}`);
  const track = element("i", "");
  const signal = s.cn0_dbhz || 0;
  if (signal) {
    const level = element("u", "");
    level.style.height = `${Math.min(100, (100 * signal) / strongest)}%`;
    track.append(level);
  }
  e.append(element("div", "", signal || "–"), track, element("div", "", String(s.number).padStart(2, "0")));
  return e;
}

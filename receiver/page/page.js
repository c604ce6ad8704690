// The driver's page: /status once a second, in words. Ages are the agent's own, so the clock of the device that shows the page
// does not matter.
import { element, showSky } from "./sky.js";
import { fill, words } from "./words.js";

const oldFix = 15; // seconds: some modules give one fix in ten
const oldData = 5; // seconds of silence, or that fixes wait, that are worth a word
const goodM = 10; // an error that a lane or a berth can bear
const fairM = 30; // one that a yard can
const alertFor = 20; // seconds that an event stays on top
const manyWaiting = 60; // a minute at 1 Hz
const shownFences = 4; // and how many more there are

const at = (id) => document.getElementById(id);
const chosen = new Map(); // for browsers that keep nothing
const remembered = (key) => chosen.get(key) ?? kept(() => localStorage.getItem(`dipper.${key}`));
const remember = (key, value) => chosen.set(key, value) && kept(() => localStorage.setItem(`dipper.${key}`, value));

function kept(use) {
  try {
    return use() ?? undefined;
  } catch {
    return undefined; // storage is switched off
  }
}

let t = words[remembered("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en")] ?? words.en;
let knots = remembered("units") === "kn";
let latest = null;

function say(id, text, mood = "") {
  const e = at(id);
  if (e.textContent !== text) e.textContent = text; // a screen reader hears what changes
  e.hidden = text === "";
  e.classList.remove("good", "warn", "bad");
  if (mood) e.classList.add(mood);
}

function lasting(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 100) return fill(t.sec, { n: s });
  if (s < 100 * 60) return fill(t.min, { n: Math.round(s / 60) });
  if (s < 48 * 3600) return fill(t.hours, { n: Math.round(s / 3600) });
  return fill(t.days, { n: Math.round(s / 86400) });
}

function far(metres) {
  if (metres < 1000) return fill(t.metres, { n: metres < 100 ? Math.round(metres) : Math.round(metres / 10) * 10 });
  const [unit, length] = knots ? [t.nm, 1852] : [t.km, 1000];
  return fill(unit, { n: (metres / length).toFixed(metres < 10 * length ? 1 : 0) });
}

const speed = (mps) => Math.round(knots ? (mps * 3600) / 1852 : mps * 3.6);
const speedUnit = () => (knots ? t.kn : t.kmh);
/** Rounded down, so that nobody who keeps what he reads is too fast; 60 km/h as metres a second may come back as 59.999. */
const sign = (mps) => Math.floor((knots ? (mps * 3600) / 1852 : mps * 3.6) + 0.05);
const limit = (mps) => `${sign(mps)} ${speedUnit()}`;
const clock = (time, seconds = false) => new Date(time).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, hour12: false });
const nameOf = (f) => f.name || f.id || f.fence;

function show(s) {
  at("unit").textContent = s.unit;
  document.title = `${s.unit} · Dipper`;
  showFix(s);
  showLink(s.link, s.spool);
  showFences(s.fences);
  showEvent(s.events?.[0]);
  showNotice(s.notice);
  say("antenna", t[`antenna${s.source.antenna}`] ?? "", "bad");
  showSky(s.source, t);
  showFooter(s);
}

function showFix({ fix: f, fix_age_s: age, source }) {
  const current = f !== undefined && age < oldFix;
  say("fix", ...fixState(f, age, source.silent_s));
  say("speed", current && f.accepted && f.speed_mps !== undefined ? String(speed(f.speed_mps)) : "–");
  say("speedUnit", speedUnit());
  if (!f) {
    say("fixNote", "");
    say("fixPlace", "");
    return;
  }
  const sats = Object.values(f.sats ?? {}).reduce((sum, n) => sum + n, 0);
  const notes = [clock(f.time, true)];
  if (f.err_m !== undefined) notes.push(fill(t.error, { m: far(Math.ceil(f.err_m)) }));
  if (sats) notes.push(fill(t.sats, { n: sats }));
  if (f.sats?.beidou) notes.push(fill(t.withBeidou, { n: f.sats.beidou }));
  say("fixNote", notes.join(" · "));
  say("fixPlace", `${f.lat.toFixed(5)}, ${f.lon.toFixed(5)}`);
}

/** The quality of the fix in words, and its mood. */
function fixState(f, age, silence) {
  if (silence > oldFix || (!f && silence > oldData)) return [fill(t.silent, { for: lasting(silence) }), "bad"];
  if (!f) return [silence === undefined ? t.mute : t.never, "bad"];
  if (age >= oldFix) return [fill(t.lost, { for: lasting(age) }), "bad"];
  if (!f.accepted) return [fill(t.refused, { why: t[`why_${f.reason}`] ?? f.reason }), "warn"];
  if (f.err_m > fairM) return [t.poor, "warn"];
  return f.err_m > goodM ? [t.fair, "good"] : [t.good, "good"];
}

function showLink(link, spool) {
  const connected = link?.connected;
  say("link", connected ? `● ${t.linked}` : `○ ${fill(t.unlinked, { for: lasting(link?.since_s ?? 0) })}`, connected ? "good" : "warn");
  at("link").title = connected ? "" : (link?.last_error ?? "");
  if (spool?.failing) {
    say("waiting", fill(t.memory, { n: spool.in_memory }), "bad");
    return;
  }
  const n = spool?.unacked ?? 0;
  const waits = spool?.waiting_s >= oldData ? t.waitFor : t.wait;
  say("waiting", n ? fill(waits, { n, for: lasting(spool.waiting_s ?? 0) }) : t.waitNone, n > manyWaiting ? "warn" : "good");
}

function showFences(fences) {
  const around = fences?.around ?? [];
  at("fences").replaceChildren(...around.slice(0, shownFences).map(fence));
  const more = Math.max(0, around.length - shownFences); // the status has eight at most
  say("moreFences", more ? fill(t.moreFences, { n: more }) : "");
  say("noFences", !fences ? t.unknownFences : around.length ? "" : t.noFences);
  const limits = around.filter((f) => f.inside && f.speed_limit_mps).sort((a, b) => a.speed_limit_mps - b.speed_limit_mps);
  const over = limits.find((f) => f.too_fast);
  at("drive").classList.toggle("over", over !== undefined);
  at("limit").hidden = !limits.length;
  if (!limits.length) return;
  say("limitSign", String(sign(limits[0].speed_limit_mps)));
  say("limitText", over ? fill(t.tooFast, { limit: limit(over.speed_limit_mps) }) : t.limitHere);
}

function fence(f) {
  const li = element("li", `${f.inside ? "inside" : ""} ${f.too_fast ? "over" : ""}`);
  li.append(element("strong", "", f.name || f.id), element("span", "where", `${t[f.kind] ?? f.kind} · ${where(f)}`));
  if (f.speed_limit_mps) {
    const disc = element("span", "sign", String(sign(f.speed_limit_mps)));
    disc.setAttribute("role", "img");
    disc.setAttribute("aria-label", fill(t.limit, { limit: limit(f.speed_limit_mps) }));
    li.append(disc);
  }
  if (f.dwell_s) li.append(element("span", ...stay(f)));
  return li;
}

function where(f) {
  if (!f.inside) return fill(t[f.approach] ?? t.away, { far: far(f.distance_m) });
  return fill(f.entered ? t.inside : t.insideAtLeast, { at: clock(f.since), for: lasting(f.inside_s) });
}

/** What a fence asks of a stay. */
function stay(f) {
  if (!f.inside) return ["asks", fill(t.stay, { stay: lasting(f.dwell_s) })];
  if (f.dwell_left_s > 0) return [f.dwell_left_s < f.dwell_s / 4 ? "asks warn" : "asks", fill(t.stayLeft, { left: lasting(f.dwell_left_s) })];
  return ["asks bad", fill(t.stayOver, { stay: lasting(f.dwell_s) })];
}

function showEvent(e) {
  const fresh = e !== undefined && e.age_s < alertFor;
  at("alert").hidden = !fresh;
  if (!fresh || at("alert").dataset.id === e.id + t.language) return;
  at("alert").dataset.id = e.id + t.language;
  at("alert").classList.toggle("bad", e.kind === "overspeed" || e.kind === "dwell");
  const asks = [clock(e.time, true)];
  if (e.speed_limit_mps && e.kind !== "exit") asks.push(fill(t.limit, { limit: limit(e.speed_limit_mps) }));
  if (e.dwell_s && e.kind === "enter") asks.push(fill(t.stay, { stay: lasting(e.dwell_s) }));
  at("alert").replaceChildren(fill(t[e.kind] ?? e.kind, { fence: nameOf(e) }), element("small", "", asks.join(" · ")));
}

function showNotice(n) {
  at("notice").hidden = n === undefined;
  if (!n) return;
  const today = new Date(n.at).toDateString() === new Date().toDateString();
  say("noticeHead", fill(t.notice, { at: today ? clock(n.at) : new Date(n.at).toLocaleString(document.documentElement.lang, { hour12: false }) }));
  say("noticeText", n.text);
  at("notice").classList.toggle("read", n.read);
  at("read").hidden = n.read;
  at("read").textContent = t.read;
}

function showFooter({ source, others, settings, link, version }) {
  const notes = [fill(t.receiver, { name: source.name })];
  if (others) notes.push(fill(t.standby, { name: others.map((o) => o.name).join(", ") }));
  if (source.setup) notes.push(fill(t.setup, { state: [source.setup.speaks, source.setup.state].filter(Boolean).join(", ") }));
  say("source", notes.join(" · "));
  const broken = settings.problem ? fill(t.settingsBad, { why: settings.problem }) : link?.connected ? "" : link?.last_error;
  say("details", broken || (version ?? ""), broken ? "warn" : "");
}

/** Puts the words of the language in their places. */
function speak() {
  document.documentElement.lang = t === words.zh ? "zh-CN" : "en";
  for (const e of document.querySelectorAll("[data-text]")) e.textContent = t[e.dataset.text];
  at("language").textContent = t.language;
  at("language").title = t.languageTitle;
  at("units").textContent = knots ? t.kmh : t.kn;
  at("units").title = t.unitsTitle;
  at("theme").textContent = dark() ? `☀ ${t.day}` : `☾ ${t.night}`;
  at("trouble").textContent = t.trouble;
  if (latest) show(latest);
}

const dark = () => (remembered("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

async function look() {
  try {
    const answer = await fetch("status", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(answer.statusText);
    latest = await answer.json();
    show(latest);
    reached(true);
  } catch {
    reached(false);
  }
  setTimeout(look, 1000);
}

function reached(yes) {
  at("trouble").hidden = yes;
  document.body.classList.toggle("stale", !yes);
}

at("language").addEventListener("click", () => {
  t = t === words.zh ? words.en : words.zh;
  remember("language", t === words.zh ? "zh" : "en");
  speak();
});
at("units").addEventListener("click", () => {
  knots = !knots;
  remember("units", knots ? "kn" : "kmh");
  speak();
});
at("theme").addEventListener("click", () => {
  remember("theme", dark() ? "light" : "dark");
  document.documentElement.dataset.theme = remembered("theme");
  speak();
});
at("read").addEventListener("click", async () => {
  try {
    await fetch("notice/read", { method: "POST", body: latest.notice.id });
  } catch {
    reached(false);
  }
});
if (remembered("theme")) document.documentElement.dataset.theme = remembered("theme");
speak();
look();

"use strict";

// The driver's page: /status once a second, in words. Ages are the agent's own, so the clock of the device that shows the page
// does not matter.
const texts = {
  en: {
    language: "中文", fix: "Position", speed: "Speed", sky: "Satellites", link: "Centre", spool: "Waiting to be sent", source: "Receiver",
    good: "good", refused: "doubtful: ", old: "lost for ", never: "none yet", seconds: " s", metres: " m", error: "error about ",
    connected: "connected", disconnected: "no connection", all: "nothing", fixes: " fixes", memory: " only in memory: ",
    talks: "talks", silent: "silent for ", quiet: "says nothing yet", noSky: "none in view", antenna: "Antenna: ", used: "of", db: " dB",
    standby: "Also there: ", setup: "Set-up: ", trouble: "The agent does not answer",
    beidou: "BeiDou", gps: "GPS", glonass: "GLONASS", galileo: "Galileo", qzss: "QZSS", navic: "NavIC", sbas: "SBAS",
  },
  zh: {
    language: "English", fix: "定位", speed: "速度", sky: "卫星", link: "中心", spool: "待发送", source: "接收机",
    good: "正常", refused: "可疑：", old: "已丢失 ", never: "尚未定位", seconds: " 秒", metres: " 米", error: "误差约 ",
    connected: "已连接", disconnected: "未连接", all: "无", fixes: " 个定位点", memory: " 仅在内存中：",
    talks: "工作中", silent: "无数据 ", quiet: "尚无数据", noSky: "看不到卫星", antenna: "天线：", used: "/", db: " dB",
    standby: "备用：", setup: "模块设置：", trouble: "车载程序没有响应",
    beidou: "北斗", gps: "GPS", glonass: "格洛纳斯", galileo: "伽利略", qzss: "准天顶", navic: "NavIC", sbas: "星基增强",
  },
};
const order = ["beidou", "gps", "galileo", "glonass", "qzss", "navic", "sbas"];
const oldFix = 5; // seconds; slower settings than that are rare
const strongest = 50; // dB-Hz of a very good signal; below 25 a satellite hardly serves

let t = navigator.language.startsWith("zh") ? texts.zh : texts.en;
let latest = null;
const at = (id) => document.getElementById(id);

function say(id, text, mood) {
  const e = at(id);
  e.textContent = text;
  e.classList.remove("good", "warn", "bad");
  if (mood) e.classList.add(mood);
}

function words() {
  document.documentElement.lang = t === texts.zh ? "zh-CN" : "en";
  for (const e of document.querySelectorAll("[data-text]")) e.textContent = t[e.dataset.text];
  at("language").textContent = t.language;
  say("trouble", t.trouble, "bad");
  if (latest) show(latest);
}

function show(s) {
  at("unit").textContent = s.unit;
  showFix(s.fix, s.fix_age_s);
  showSky(s.source.sky || {});
  say("antenna", s.source.antenna ? t.antenna + s.source.antenna : "", s.source.antenna && s.source.antenna !== "OK" ? "bad" : "");
  const connected = s.link && s.link.connected;
  say("link", connected ? t.connected : t.disconnected, connected ? "good" : "warn");
  say("linkNote", connected || !s.link ? "" : s.link.last_error || "");
  const waiting = s.spool ? s.spool.unacked : 0;
  say("spool", waiting ? waiting + t.fixes : t.all, waiting > 60 ? "warn" : "good");
  say("spoolNote", s.spool && s.spool.failing ? s.spool.in_memory + t.memory + s.spool.failing : "", "bad");
  showSource(s.source, s.others || []);
}

function showFix(f, age) {
  const current = f && age < oldFix;
  if (!f) say("fix", t.never, "bad");
  else if (!current) say("fix", t.old + Math.round(age) + t.seconds, "bad");
  else if (!f.accepted) say("fix", t.refused + f.reason, "warn");
  else say("fix", t.good, "good");
  const error = f && f.err_m !== undefined ? " · " + t.error + Math.ceil(f.err_m) + t.metres : "";
  say("place", f ? f.lat.toFixed(5) + ", " + f.lon.toFixed(5) + error : "");
  say("speed", current && f.speed_mps !== undefined ? String(Math.round(f.speed_mps * 3.6)) : "–");
}

function showSky(sky) {
  const rows = [];
  for (const name of order.filter((n) => sky[n])) {
    const { in_view: seen, tracked, max_cn0_dbhz: signal = 0 } = sky[name];
    const label = document.createElement("span");
    label.textContent = t[name];
    const bar = document.createElement("meter");
    Object.assign(bar, { min: 0, max: strongest, low: 25, high: 35, optimum: strongest, value: signal });
    bar.setAttribute("aria-label", t[name] + " " + signal + t.db);
    const count = document.createElement("span");
    count.textContent = `${tracked} ${t.used} ${seen} · ${signal}${t.db}`;
    rows.push(label, bar, count);
  }
  at("sky").replaceChildren(...rows);
  if (!rows.length) at("sky").textContent = t.noSky;
}

function showSource(source, others) {
  const silence = source.silent_s;
  if (silence === undefined) say("source", t.quiet, "bad");
  else if (silence > oldFix) say("source", t.silent + Math.round(silence) + t.seconds, "bad");
  else say("source", t.talks, "good");
  const notes = [source.name];
  if (others.length) notes.push(t.standby + others.map((o) => o.name).join(", "));
  if (source.setup) notes.push(t.setup + [source.setup.speaks, source.setup.state].filter(Boolean).join(", "));
  say("sourceNote", notes.join(" · "));
}

async function look() {
  try {
    const answer = await fetch("status", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(answer.statusText);
    latest = await answer.json();
    show(latest);
    at("trouble").hidden = true;
  } catch {
    at("trouble").hidden = false;
  }
  setTimeout(look, 1000);
}

at("language").addEventListener("click", () => {
  t = t === texts.zh ? texts.en : texts.zh;
  words();
});
words();
look();

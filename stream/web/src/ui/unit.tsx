import { useState } from "preact/hooks";
import type { App } from "../app.ts";
import { age, course, integer, place, speed } from "../format.ts";
import { distance } from "../geo.ts";
import { lookup } from "../i18n/index.ts";
import { State } from "../store.ts";
import { UNKNOWN } from "../wire.ts";
import { Close, Copy, StateMark, Target } from "./icons.tsx";
import { kindLabel, STATE_KEYS } from "./vehicles.tsx";

/** One vehicle: what it does now, where it was, and whether all of it is here. */
export function UnitPanel({ app }: { app: App }) {
  const { t, fleet: f } = app;
  const r = f.row(app.selected);
  if (r < 0) return null;
  const state = f.state[r]!;
  const time = f.time[r]!;
  const name = f.label(r);
  const kind = kindLabel(app, f.kind[r]!);
  return (
    <section class="unit" aria-label={name} data-state={state} data-late={f.late[r] === 1}>
      <header>
        <div>
          <h2>{name}</h2>
          <p>{[f.name[r] ? app.selected : "", kind].filter(Boolean).join(" · ")}</p>
        </div>
        <button
          type="button"
          class="quiet icon"
          aria-label={t("unit.close")}
          title={`${t("unit.close")} (Esc)`}
          onClick={() => app.select("", false)}
        >
          <Close />
        </button>
      </header>
      <div class="now">
        <span class="state">
          <StateMark state={state} />
          {t(STATE_KEYS[state]!)}
        </span>
        <span class="age" title={time ? app.clock.long(time) : ""}>
          {time ? t("unit.ago", { age: age(app.now() - time, t) }) : t("age.none")}
        </span>
      </div>
      {time > 0 && <Live app={app} row={r} />}
      <Details app={app} />
    </section>
  );
}

function Live({ app, row: r }: { app: App; row: number }) {
  const { t, fleet: f } = app;
  const [copied, setCopied] = useState(false);
  const lat = f.lat[r]! / 1e7;
  const lon = f.lon[r]! / 1e7;
  const v = f.speed[r]!;
  const c = f.course[r]!;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(`${lat.toFixed(6)}, ${lon.toFixed(6)}`);
      setCopied(true);
      window.setTimeout(() => setCopied(false), 1500);
    } catch (e) {
      app.say(String(e));
    }
  };
  const moving = f.state[r] === State.Moving;
  return (
    <>
      <div class="figures">
        <div>
          <span>{t("unit.speed")}</span>
          <b>{v === UNKNOWN ? "–" : speed(v / 100, f.kind[r]!)}</b>
        </div>
        <div>
          <span>{t("unit.course")}</span>
          <b>{c === UNKNOWN || !moving ? "–" : course(c / 100)}</b>
        </div>
      </div>
      <div class="actions">
        <button type="button" class="primary" aria-pressed={app.following} onClick={() => app.setFollowing(!app.following)}>
          <Target /> {app.following ? t("unit.following") : t("unit.follow")}
        </button>
        <button type="button" onClick={() => app.select(app.selected, true)}>
          {t("unit.center")}
        </button>
      </div>
      <div class="position">
        <span>{place(lat, lon)}</span>
        <button
          type="button"
          class="quiet icon"
          aria-label={copied ? t("unit.copied") : t("unit.copy")}
          title={t("unit.copy")}
          onClick={() => void copy()}
        >
          {copied ? "✓" : <Copy />}
        </button>
      </div>
    </>
  );
}

function Details({ app }: { app: App }) {
  const {
    t,
    watch: { detail: d },
  } = app;
  if (!d) return null;
  const u = d.unit;
  // What was known stays while the link is down: the bar at the top says so already.
  if (d.failed && !u)
    return (
      <p class="refusal" role="alert">
        {t("unit.failed", { reason: d.failed })}
      </p>
    );
  const rows: [string, string][] = [];
  if (u) {
    const sats = u.sats
      .map(([k, n]) => (k === "total" ? t("unit.sats.total", { n }) : `${SYSTEMS[k]?.[app.language] ?? k} ${n}`))
      .join(" · ");
    const mode = u.mode === 2 ? t("unit.fix.2") : u.mode === 3 ? t("unit.fix.3") : "";
    const solution = u.solution && (lookup(app.language, `solution.${u.solution}`) ?? u.solution);
    const fix = [mode, solution].filter(Boolean).join(", ");
    if (sats) rows.push([t("unit.sats"), sats]);
    if (fix) rows.push([t("unit.fix"), u.hdop === undefined ? fix : `${fix}, HDOP ${u.hdop.toFixed(1)}`]);
    if (u.errM !== undefined)
      rows.push([t("unit.error"), t("unit.error.value", { m: u.errM < 10 ? u.errM.toFixed(1) : Math.round(u.errM) })]);
    if (u.altM !== undefined) rows.push([t("unit.altitude"), `${Math.round(u.altM)} m`]);
  }
  return (
    <dl>
      {rows.map(([k, v]) => (
        <div key={k}>
          <dt>{k}</dt>
          <dd>{v}</dd>
        </div>
      ))}
      <div>
        <dt>{t("unit.trail")}</dt>
        <dd>{trail(app)}</dd>
      </div>
      <div>
        <dt>{t("unit.complete")}</dt>
        <dd>
          <Complete app={app} />
        </dd>
      </div>
      <div>
        <dt>{t("unit.visits")}</dt>
        <dd>
          <Visits app={app} />
        </dd>
      </div>
    </dl>
  );
}

/** The systems as people call them. */
const SYSTEMS: Record<string, { en: string; zh: string }> = {
  beidou: { en: "BeiDou", zh: "北斗" },
  gps: { en: "GPS", zh: "GPS" },
  glonass: { en: "GLONASS", zh: "格洛纳斯" },
  galileo: { en: "Galileo", zh: "伽利略" },
  qzss: { en: "QZSS", zh: "准天顶" },
  sbas: { en: "SBAS", zh: "星基增强" },
  navic: { en: "NavIC", zh: "NavIC" },
};

function trail(app: App): string {
  const d = app.watch.detail!;
  if (!d.trailLoaded) return "…";
  if (d.trail.length < 2) return app.t("unit.trail.none");
  let m = 0;
  for (let i = 1; i < d.trail.length; i++) m += distance([d.trail[i - 1]!.lon, d.trail[i - 1]!.lat], [d.trail[i]!.lon, d.trail[i]!.lat]);
  const n = integer(d.trailFixes, app.language);
  return d.trailTruncated ? app.t("unit.trail.first", { n }) : app.t("unit.trail.km", { km: (m / 1000).toFixed(1), n });
}

/** How many of the unit's numbered fixes are here, as words and as a bar of what is held. */
function Complete({ app }: { app: App }) {
  const { t } = app;
  const c = app.watch.detail!.completeness;
  if (!c) return <>…</>;
  if (c.highest === 0) return <>{t("unit.complete.none")}</>;
  const missing = c.missing.reduce((n, [a, b]) => n + b - a + 1, 0);
  const n = integer(c.highest, app.language);
  if (missing === 0) return <span class="good">✓ {t("unit.complete.all", { n })}</span>;
  return (
    <>
      <span class="warn">{t("unit.complete.missing", { missing: integer(missing, app.language), n })}</span>
      <svg class="held" viewBox="0 0 1000 6" preserveAspectRatio="none" aria-hidden="true">
        {c.held.map(([a, b]) => (
          <rect key={a} x={((a - 1) / c.highest) * 1000} width={Math.max(2, ((b - a + 1) / c.highest) * 1000)} height="6" />
        ))}
      </svg>
    </>
  );
}

function Visits({ app }: { app: App }) {
  const {
    t,
    watch: { detail },
  } = app;
  const visits = detail!.unit?.visits;
  if (!visits) return <>…</>;
  if (visits.length === 0) return <>{t("unit.visits.none")}</>;
  return (
    <ul class="visits">
      {visits.map((v) => (
        <li key={v.fence}>
          <button type="button" class="text" onClick={() => app.fences.mark(v.fence, true)}>
            {app.fenceLabel(v.fence)}
          </button>{" "}
          <small title={app.clock.long(v.since)}>{t("unit.since", { time: app.clock.when(v.since, app.now()) })}</small>
        </li>
      ))}
    </ul>
  );
}

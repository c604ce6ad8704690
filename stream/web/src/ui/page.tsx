import { useEffect, useRef, useState } from "preact/hooks";
import type { App, Tab } from "../app.ts";
import { nautical } from "../format.ts";
import type { MapPort } from "../mapport.ts";
import { Events } from "./events.tsx";
import { Fences } from "./fences.tsx";
import { Help } from "./help.tsx";
import { MapFrame, type Scale, scaleOf } from "./mapview.tsx";
import { SignIn, Unreachable } from "./signin.tsx";
import { TopBar } from "./topbar.tsx";
import { UnitPanel } from "./unit.tsx";
import { Vehicles } from "./vehicles.tsx";

/** What the page needs of the map beside MapPort. */
export interface MapHandle extends MapPort {
  zoomBy(step: number): void;
  metresPer100(): number;
  resize(): void;
  setInset(right: number): void;
}

export type MakeMap = (container: HTMLElement, canvas: HTMLCanvasElement) => Promise<MapHandle>;

/** The least width of the layout with panels side by side. */
const WIDE = "(min-width: 760px)";

/** What the panel of one vehicle covers of the map's right side, its margin included. */
const PANEL_PX = 328;

/** How far the sheet of the narrow layout is pulled up. */
type Sheet = "low" | "half" | "full";

export function Page({ app, makeMap }: { app: App; makeMap: MakeMap }) {
  const [, draw] = useState(0);
  useEffect(() => app.subscribe(() => draw((n) => n + 1)), [app]);
  if (app.phase === "signed-out")
    return (
      <>
        <TopBar app={app} />
        <SignIn app={app} />
      </>
    );
  if (app.phase === "failed")
    return (
      <>
        <TopBar app={app} />
        <Unreachable app={app} />
      </>
    );
  return <Desk app={app} makeMap={makeMap} />;
}

function Desk({ app, makeMap }: { app: App; makeMap: MakeMap }) {
  const wide = useMatch(WIDE);
  const [sheet, setSheet] = useState<Sheet>("half");
  const mapBox = useRef<HTMLDivElement>(null);
  const labels = useRef<HTMLCanvasElement>(null);
  const map = useMap(app, makeMap, mapBox, labels);
  useKeys(app);
  map.current?.setInset(wide && app.selected ? PANEL_PX : 0);

  // On a narrow screen the map must be seen while drawing, and the panel when a vehicle is chosen.
  useEffect(() => {
    if (app.fences.draft?.drawing) setSheet("low");
    else if (app.fences.draft || app.selected) setSheet("half");
  }, [app.fences.draft?.drawing, app.fences.draft === null, app.selected]);

  const tabs: Tab[] = wide ? ["vehicles", "fences"] : ["vehicles", "fences", "events"];
  const tab = tabs.includes(app.tab) ? app.tab : "vehicles";
  return (
    <div class="desk" data-wide={wide} data-sheet={sheet} data-drawing={app.fences.draft?.drawing === true}>
      <a class="skip" href="#search">
        {app.t("app.skip")}
      </a>
      <TopBar app={app} />
      <main class="stage">
        <MapFrame app={app} map={mapBox} labels={labels} zoomBy={(n) => map.current?.zoomBy(n)} scale={scaleNow(app, map.current)} />
        {wide && app.selected && (
          <div class="float">
            <UnitPanel app={app} />
          </div>
        )}
      </main>
      <aside class="side">
        {!wide && <Grip app={app} sheet={sheet} onSheet={setSheet} />}
        {!wide && app.selected && !app.fences.draft ? (
          <UnitPanel app={app} />
        ) : (
          <>
            <Tabs
              app={app}
              tabs={tabs}
              current={tab}
              onTab={(t) => {
                app.setTab(t);
                if (sheet === "low") setSheet("half");
              }}
            />
            <div class="panel" role="tabpanel" id="panel" aria-labelledby={`tab-${tab}`}>
              {tab === "vehicles" && <Vehicles app={app} chosen={() => setSheet("half")} />}
              {tab === "fences" && <Fences app={app} />}
              {tab === "events" && <Events app={app} foldable={false} />}
            </div>
          </>
        )}
      </aside>
      {wide && <Events app={app} foldable />}
      <Help app={app} />
      <div class="toast" role="status" aria-live="polite" data-shown={app.toast !== ""}>
        {app.toast}
      </div>
      <div class="sr" aria-live="polite">
        {app.announcement}
      </div>
    </div>
  );
}

function Tabs({ app, tabs, current, onTab }: { app: App; tabs: Tab[]; current: Tab; onTab: (t: Tab) => void }) {
  const step = (e: KeyboardEvent, by: number) => {
    const next = tabs[(tabs.indexOf(current) + by + tabs.length) % tabs.length]!;
    onTab(next);
    document.getElementById(`tab-${next}`)?.focus();
    e.preventDefault();
  };
  return (
    <div
      class="tabs"
      role="tablist"
      onKeyDown={(e) => {
        if (e.key === "ArrowRight") step(e, 1);
        else if (e.key === "ArrowLeft") step(e, -1);
      }}
    >
      {tabs.map((t) => (
        <button
          key={t}
          id={`tab-${t}`}
          type="button"
          role="tab"
          aria-selected={t === current}
          aria-controls="panel"
          tabIndex={t === current ? 0 : -1}
          onClick={() => onTab(t)}
        >
          {app.t(`tab.${t}`)}
          {t === "fences" && app.fences.list.length > 0 && <small>{app.fences.list.length}</small>}
        </button>
      ))}
    </div>
  );
}

/** The sheet's handle: a tap goes a step up or back down, a drag goes where it is let go. */
function Grip({ app, sheet, onSheet }: { app: App; sheet: Sheet; onSheet: (s: Sheet) => void }) {
  const from = useRef<number | null>(null);
  const order: Sheet[] = ["low", "half", "full"];
  const step = (by: number) => onSheet(order[Math.max(0, Math.min(2, order.indexOf(sheet) + by))]!);
  return (
    <button
      type="button"
      class="grip"
      aria-label={app.t("sheet.toggle")}
      onPointerDown={(e) => {
        from.current = e.clientY;
        e.currentTarget.setPointerCapture(e.pointerId);
      }}
      onPointerUp={(e) => {
        const moved = from.current === null ? 0 : e.clientY - from.current;
        from.current = null;
        if (Math.abs(moved) < 12) onSheet(sheet === "low" ? "half" : sheet === "half" ? "full" : "low");
        else step(moved < 0 ? (moved < -260 ? 2 : 1) : moved > 260 ? -2 : -1);
      }}
      onKeyDown={(e) => {
        if (e.key === "ArrowUp") step(1);
        else if (e.key === "ArrowDown") step(-1);
        else if (e.key === "Enter" || e.key === " ") onSheet(sheet === "full" ? "low" : sheet === "half" ? "full" : "half");
        else return;
        e.preventDefault();
      }}
    />
  );
}

function useMatch(query: string): boolean {
  const [on, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const m = matchMedia(query);
    const heard = () => set(m.matches);
    m.addEventListener("change", heard);
    return () => m.removeEventListener("change", heard);
  }, [query]);
  return on;
}

function useMap(app: App, makeMap: MakeMap, box: { current: HTMLDivElement | null }, labels: { current: HTMLCanvasElement | null }) {
  const map = useRef<MapHandle | null>(null);
  useEffect(() => {
    const el = box.current!;
    const seen = new ResizeObserver(() => map.current?.resize());
    makeMap(el, labels.current!).then(
      (m) => {
        map.current = m;
        app.attach(m);
        seen.observe(el);
      },
      (e: unknown) => {
        console.warn("map:", e);
        app.mapFailed = true;
        app.changed();
      },
    );
    return () => seen.disconnect();
  }, [app, makeMap]);
  return map;
}

/** Puts the cursor into the search, at once where it is there, so that no key typed after "/" is lost. */
function focusSearch(app: App): void {
  const now = document.getElementById("search");
  if (now) return now.focus();
  if (app.fences.draft) return;
  app.setTab("vehicles");
  requestAnimationFrame(() => requestAnimationFrame(() => document.getElementById("search")?.focus()));
}

/** Keys that work wherever nothing is being typed. */
function useKeys(app: App): void {
  useEffect(() => {
    const heard = (e: KeyboardEvent) => {
      const el = e.target instanceof HTMLElement ? e.target : null;
      const typing = el?.matches("input, select, textarea") ?? false;
      if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
      if (e.key === "Escape") return app.back();
      if (typing) return;
      switch (e.key) {
        case "/":
          focusSearch(app);
          break;
        case "a":
          app.showAll();
          break;
        case "?":
          app.setHelp(true);
          break;
        case "f":
          if (app.selected) app.setFollowing(!app.following);
          break;
        default:
          return;
      }
      e.preventDefault();
    };
    window.addEventListener("keydown", heard);
    return () => window.removeEventListener("keydown", heard);
  }, [app]);
}

function scaleNow(app: App, map: MapHandle | null): Scale {
  const r = app.selected ? app.fleet.row(app.selected) : -1;
  return map ? scaleOf(map.metresPer100(), r >= 0 && nautical(app.fleet.kind[r]!)) : { pixels: 0, text: "" };
}

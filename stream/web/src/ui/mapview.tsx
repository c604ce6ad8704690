import type { RefObject } from "preact";
import type { App } from "../app.ts";
import { integer } from "../format.ts";
import { STATES } from "../store.ts";
import { Fit, Minus, Plus, StateMark } from "./icons.tsx";
import { Frozen } from "./topbar.tsx";
import { STATE_KEYS } from "./vehicles.tsx";

export interface Scale {
  pixels: number;
  text: string;
}

/** The map's frame: what lies on the map in its corners. The map itself is put into the two places by main.tsx. */
export function MapFrame({
  app,
  map,
  labels,
  zoomBy,
  scale,
}: {
  app: App;
  map: RefObject<HTMLDivElement | null>;
  labels: RefObject<HTMLCanvasElement | null>;
  zoomBy: (step: number) => void;
  scale: Scale;
}) {
  const { t } = app;
  const cells = app.fleet.cells;
  return (
    <div class="map" role="region" aria-label={t("map.label")}>
      <div ref={map} class="map-canvas" />
      <canvas ref={labels} class="map-labels" aria-hidden="true" />
      {app.mapFailed && <div class="nogl">{t("map.nogl")}</div>}
      <Frozen app={app} />
      {cells && <div class="notice">{t("map.cells", { n: integer(cells.total, app.language) })}</div>}
      {app.tilesShifted && <div class="notice low">{t("map.gcj")}</div>}
      <div class="map-tools" role="group">
        <button type="button" class="icon" aria-label={t("map.in")} title={t("map.in")} onClick={() => zoomBy(1)}>
          <Plus />
        </button>
        <button type="button" class="icon" aria-label={t("map.out")} title={t("map.out")} onClick={() => zoomBy(-1)}>
          <Minus />
        </button>
        <button type="button" class="icon apart" aria-label={t("map.all")} title={`${t("map.all")} (A)`} onClick={() => app.showAll()}>
          <Fit />
        </button>
      </div>
      <div class="map-foot">
        <ul class="legend" aria-label={t("map.legend")}>
          {STATES.map((s) => (
            <li key={s}>
              <StateMark state={s} />
              {t(STATE_KEYS[s]!)}
            </li>
          ))}
        </ul>
        {!cells && app.fleet.size > 0 && <span class="inview">{t("map.inview", { n: integer(app.inView, app.language) })}</span>}
        {scale.text && (
          <span class="scale" style={{ width: `${scale.pixels}px` }}>
            {scale.text}
          </span>
        )}
        <span class="credit">{[app.attribution, t("map.basemap")].filter(Boolean).join(" · ")}</span>
      </div>
    </div>
  );
}

/** The longest round length that fits into 100 pixels. */
export function scaleOf(metresPer100: number, nautical: boolean): Scale {
  const unit = nautical ? 1852 : 1;
  const most = metresPer100 / unit;
  const ten = 10 ** Math.floor(Math.log10(most));
  const round = [5, 2, 1].map((k) => k * ten).find((v) => v <= most) ?? ten;
  const text = nautical ? `${round} nm` : round >= 1000 ? `${round / 1000} km` : `${round} m`;
  return { pixels: Math.round((round / most) * 100), text };
}

import type { App } from "../app.ts";
import type { Fence, Shape } from "../fence.ts";
import { limit } from "../format.ts";
import { Circle, Corridor, Pencil, Polygon } from "./icons.tsx";
import { FenceEditor } from "./fenceeditor.tsx";

const TOOLS: [Shape["type"], () => preact.JSX.Element][] = [
  ["polygon", Polygon],
  ["circle", Circle],
  ["corridor", Corridor],
];

/** The fences, and the editor of one. */
export function Fences({ app }: { app: App }) {
  const { t } = app;
  if (app.fences.draft) return <FenceEditor app={app} draft={app.fences.draft} />;
  return (
    <div class="fences">
      {!app.mayEdit && <p class="hint readonly">{t("fence.readonly")}</p>}
      {app.mayEdit && (
        <div class="tools" role="group" aria-label={t("fence.new")}>
          <span>{t("fence.new")}</span>
          {TOOLS.map(([tool, Sign]) => (
            <button key={tool} type="button" data-tool={tool} onClick={() => app.fences.begin(tool)}>
              <Sign /> {t(`fence.${tool}`)}
            </button>
          ))}
        </div>
      )}
      {app.fences.list.length > 0 ? (
        <ul class="fence-list">
          {app.fences.list.map((f) => (
            <Item key={f.id} app={app} fence={f} />
          ))}
        </ul>
      ) : (
        <div class="empty">
          <p>{app.fences.loaded ? t("fence.empty") : app.fences.failure ? t("error.load", { reason: app.fences.failure }) : "…"}</p>
          {app.fences.loaded && app.mayEdit && <p class="hint">{t("fence.empty.next")}</p>}
        </div>
      )}
    </div>
  );
}

function Item({ app, fence: f }: { app: App; fence: Fence }) {
  const { t } = app;
  const open = app.fences.marked === f.id;
  const rules = [
    f.speedLimitMps > 0 ? t("fence.rule.limit", { speed: limit(f.speedLimitMps, f.kind) }) : "",
    f.dwellS > 0 ? t("fence.rule.dwell", { min: Math.round(f.dwellS / 6) / 10 }) : "",
  ].filter(Boolean);
  return (
    <li data-open={open}>
      <div class="fence-item">
        <button type="button" class="fence-name" aria-expanded={open} onClick={() => app.fences.mark(open ? "" : f.id, true)}>
          {f.shape.type === "polygon" ? <Polygon /> : f.shape.type === "circle" ? <Circle /> : <Corridor />}
          <span>
            <b>{f.name || f.id}</b>
            <small>{[t(`fence.kind.${f.kind}`), ...rules].join(" · ")}</small>
          </span>
        </button>
        {app.mayEdit && (
          <button
            type="button"
            class="quiet icon"
            aria-label={`${t("fence.edit")}: ${f.name || f.id}`}
            title={t("fence.edit")}
            onClick={() => app.fences.edit(f.id)}
          >
            <Pencil />
          </button>
        )}
      </div>
      {open && app.fences.occupants && (
        <div class="occupants">
          <p>{app.fences.occupants.length > 0 ? t("fence.inside", { n: app.fences.occupants.length }) : t("fence.inside.none")}</p>
          <ul>
            {app.fences.occupants.slice(0, 50).map((o) => (
              <li key={o.unit}>
                <button type="button" class="text" onClick={() => app.select(o.unit, true)}>
                  {app.unitLabel(o.unit)}
                </button>{" "}
                <small title={app.clock.long(o.since)}>{t("unit.since", { time: app.clock.when(o.since, app.now()) })}</small>
              </li>
            ))}
          </ul>
        </div>
      )}
    </li>
  );
}

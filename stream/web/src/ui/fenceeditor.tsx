import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { App } from "../app.ts";
import type { Draft } from "../fencedesk.ts";
import {
  FENCE_KINDS,
  formField,
  type FormField,
  insertVertex,
  missing,
  moveVertex,
  removeVertex,
  fewest,
  type Fence,
  type Shape,
  simple,
  type Vertex,
  vertices,
} from "../fence.ts";
import { limitUnit, place } from "../format.ts";
import { parseDegrees } from "../geo.ts";
import { Minus, Plus } from "./icons.tsx";

const MAX_TABLE = 200;

/** One fence: drawn on the map, described here. What the service refuses is shown at its field. */
export function FenceEditor({ app, draft }: { app: App; draft: Draft }) {
  return draft.drawing ? <DrawHint app={app} draft={draft} /> : <Form key={draft.fence.id} app={app} draft={draft} />;
}

function DrawHint({ app, draft }: { app: App; draft: Draft }) {
  const { t } = app;
  return (
    <div class="editor hinting">
      <h2>{t("fence.new")}</h2>
      <p role="status">{t(`fence.draw.${draft.fence.shape.type}`)}</p>
      <div class="actions">
        <button type="button" onClick={() => app.fences.typeShape()}>
          {t("fence.draw.keyboard")}
        </button>
        <button type="button" class="quiet" onClick={() => app.fences.cancel()}>
          {t("fence.cancel")}
        </button>
      </div>
    </div>
  );
}

function Form({ app, draft }: { app: App; draft: Draft }) {
  const { t } = app;
  const name = useRef<HTMLInputElement>(null);
  useEffect(() => name.current?.focus({ preventScroll: true }), []);
  const f = draft.fence;
  const lacks = missing(f);
  const { unit, perMps } = limitUnit(f.kind);
  const refusedAt: FormField | "" = draft.refusal ? formField(draft.refusal.field) : "";
  const problem = (field: FormField) => (refusedAt === field ? <Refusal app={app} draft={draft} /> : null);
  return (
    <form
      class="editor"
      onSubmit={(e) => {
        e.preventDefault();
        void app.fences.save();
      }}
    >
      <h2>{draft.isNew ? t("fence.new") : t("fence.edit")}</h2>
      <Field label={t("fence.name")} problem={problem("name")}>
        <input
          ref={name}
          id="fence-name"
          type="text"
          maxLength={200}
          autocomplete="off"
          placeholder={t("fence.name.hint")}
          value={f.name}
          onInput={(e) => app.fences.amend({ name: e.currentTarget.value }, false)}
        />
      </Field>
      <Field label={t("fence.kind")} problem={problem("kind")}>
        <select
          value={f.kind}
          onChange={(e) => app.fences.amend({ kind: FENCE_KINDS.find((k) => k === e.currentTarget.value) ?? "zone" }, false)}
        >
          {FENCE_KINDS.map((k) => (
            <option key={k} value={k}>
              {t(`fence.kind.${k}`)}
            </option>
          ))}
        </select>
      </Field>
      <div class="pair">
        <Amount
          app={app}
          label={t("fence.limit")}
          unit={unit}
          value={f.speedLimitMps * perMps}
          hint={t("fence.limit.hint")}
          problem={problem("speed")}
          onValue={(v) => app.fences.amend({ speedLimitMps: v / perMps }, false)}
        />
        <Amount
          app={app}
          label={t("fence.dwell")}
          unit={t("fence.dwell.unit")}
          value={f.dwellS / 60}
          hint={t("fence.limit.hint")}
          problem={problem("dwell")}
          onValue={(v) => app.fences.amend({ dwellS: v * 60 }, false)}
        />
      </div>
      {f.shape.type === "circle" && (
        <ShapeAmount
          app={app}
          label={t("fence.radius")}
          value={f.shape.radiusM}
          lacking={lacks === "radius" ? t("fence.bad.radius") : ""}
          problem={problem("radius")}
          shape={(v) => ({ ...f.shape, radiusM: v }) as Shape}
        />
      )}
      {f.shape.type === "corridor" && (
        <ShapeAmount
          app={app}
          label={t("fence.width")}
          value={f.shape.widthM}
          lacking={lacks === "width" ? t("fence.bad.width") : ""}
          problem={problem("width")}
          shape={(v) => ({ ...f.shape, widthM: v }) as Shape}
        />
      )}
      {problem("shape")}
      <Coordinates app={app} fence={f} refusedAt={refusedAt === "shape" ? draft.refusal?.at : undefined} />
      {lacks === "vertices" && <p class="refusal">{t("fence.bad.vertices")}</p>}
      <div class="actions sticky">
        <button type="submit" class="primary" disabled={draft.saving || lacks !== null}>
          {draft.saving ? t("fence.saving") : t("fence.save")}
        </button>
        <button type="button" onClick={() => app.fences.cancel()}>
          {t("fence.cancel")}
        </button>
        {!draft.isNew && <Delete app={app} fence={f} />}
      </div>
    </form>
  );
}

function Field({ label, problem, children }: { label: string; problem: ComponentChildren; children: ComponentChildren }) {
  return (
    <div class="field">
      <label>
        <span>{label}</span>
        {children}
      </label>
      {problem}
    </div>
  );
}

function Refusal({ app, draft }: { app: App; draft: Draft }) {
  const { t } = app;
  const e = draft.refusal!;
  return (
    <p class="refusal" role="alert">
      {e.message}
      {e.at && (
        <>
          {" "}
          {t("fence.refused.at", { place: place(e.at.lat, e.at.lon) })}{" "}
          <button type="button" class="text" onClick={() => app.showPlace(e.at!)}>
            {t("fence.show")}
          </button>
        </>
      )}
    </p>
  );
}

interface AmountProps {
  app: App;
  label: string;
  unit: string;
  value: number;
  hint: string;
  problem: ComponentChildren;
  onValue: (v: number) => void;
}

/** A number from 0; empty is 0. What is typed stays as typed until it is a number. */
function Amount({ app, label, unit, value, hint, problem, onValue }: AmountProps) {
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? (value > 0 ? String(Math.round(value * 100) / 100) : "");
  const n = shown.trim() === "" ? 0 : Number(shown.replace(",", "."));
  const bad = !Number.isFinite(n) || n < 0;
  return (
    <Field label={label} problem={problem}>
      <span class="with-unit">
        <input
          type="text"
          inputMode="decimal"
          placeholder={hint}
          value={shown}
          aria-invalid={bad}
          onInput={(e) => {
            const s = e.currentTarget.value;
            setTyped(s);
            const v = s.trim() === "" ? 0 : Number(s.replace(",", "."));
            if (Number.isFinite(v) && v >= 0) onValue(v);
          }}
          onBlur={() => {
            if (!bad) setTyped(null);
          }}
        />
        <i>{unit}</i>
      </span>
      {bad && <small class="refusal">{app.t("fence.bad.number")}</small>}
    </Field>
  );
}

function ShapeAmount({
  app,
  label,
  value,
  lacking,
  problem,
  shape,
}: {
  app: App;
  label: string;
  value: number;
  lacking: string;
  problem: ComponentChildren;
  shape: (v: number) => Shape;
}) {
  return (
    <>
      <Amount
        app={app}
        label={label}
        unit={app.t("fence.metres")}
        value={value}
        hint="0"
        problem={problem}
        onValue={(v) => app.fences.amend({ shape: shape(v) }, true)}
      />
      {lacking && <p class="refusal">{lacking}</p>}
    </>
  );
}

/** Every vertex as latitude and longitude: what the mouse does on the map, for the keyboard. */
function Coordinates({ app, fence, refusedAt }: { app: App; fence: Fence; refusedAt: { lat: number; lon: number } | undefined }) {
  const { t } = app;
  const s = fence.shape;
  const all = vertices(s);
  const change = (shape: Shape) => app.fences.amend({ shape }, true);
  const near = (v: Vertex) =>
    refusedAt !== undefined && Math.abs(v.point[0] - refusedAt.lon) < 1e-6 && Math.abs(v.point[1] - refusedAt.lat) < 1e-6;
  return (
    <details class="coordinates" open={refusedAt !== undefined || undefined}>
      <summary>
        {t("fence.coordinates")} <small>{all.length}</small>
      </summary>
      <p class="hint">{simple(s) ? t("fence.coordinates.hint") : t("fence.complex")}</p>
      <table>
        <thead>
          <tr>
            <th scope="col">
              <span class="sr">#</span>
            </th>
            <th scope="col">{t("fence.lat")}</th>
            <th scope="col">{t("fence.lon")}</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {all.slice(0, MAX_TABLE).map((v, i) => (
            <tr key={v.path.join("/")} data-refused={near(v)}>
              <th scope="row" aria-label={t("fence.vertex", { n: i + 1 })}>
                {i + 1}
              </th>
              <td>
                <Degrees
                  app={app}
                  axis="lat"
                  label={`${t("fence.vertex", { n: i + 1 })}, ${t("fence.lat")}`}
                  value={v.point[1]}
                  onValue={(y) => change(moveVertex(s, v.path, [v.point[0], y]))}
                />
              </td>
              <td>
                <Degrees
                  app={app}
                  axis="lon"
                  label={`${t("fence.vertex", { n: i + 1 })}, ${t("fence.lon")}`}
                  value={v.point[0]}
                  onValue={(x) => change(moveVertex(s, v.path, [x, v.point[1]]))}
                />
              </td>
              <td class="vertex-tools">
                {s.type !== "circle" && (
                  <>
                    <button
                      type="button"
                      class="quiet icon"
                      aria-label={t("fence.vertex.add", { n: i + 1 })}
                      title={t("fence.vertex.add", { n: i + 1 })}
                      onClick={() => change(insertVertex(s, v.path))}
                    >
                      <Plus />
                    </button>
                    <button
                      type="button"
                      class="quiet icon"
                      aria-label={t("fence.vertex.remove", { n: i + 1 })}
                      title={t("fence.vertex.remove", { n: i + 1 })}
                      disabled={all.length <= fewest(s)}
                      onClick={() => change(removeVertex(s, v.path))}
                    >
                      <Minus />
                    </button>
                  </>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function Degrees({
  app,
  axis,
  label,
  value,
  onValue,
}: {
  app: App;
  axis: "lat" | "lon";
  label: string;
  value: number;
  onValue: (v: number) => void;
}) {
  const [typed, setTyped] = useState<string | null>(null);
  useEffect(() => setTyped(null), [value]);
  const bad = typed !== null && Number.isNaN(parseDegrees(typed, axis));
  const take = () => {
    if (typed === null || bad) return;
    const v = parseDegrees(typed, axis);
    setTyped(null);
    if (v !== value) onValue(v);
  };
  return (
    <input
      type="text"
      inputMode="text"
      aria-label={label}
      aria-invalid={bad}
      title={bad ? app.t("fence.bad.degrees") : ""}
      value={typed ?? value.toFixed(6)}
      onInput={(e) => setTyped(e.currentTarget.value)}
      onBlur={take}
      onKeyDown={(e) => {
        if (e.key !== "Enter") return;
        e.preventDefault();
        take();
      }}
    />
  );
}

function Delete({ app, fence }: { app: App; fence: Fence }) {
  const { t } = app;
  const [asking, setAsking] = useState(false);
  if (!asking)
    return (
      <button type="button" class="danger push" onClick={() => setAsking(true)}>
        {t("fence.delete")}
      </button>
    );
  return (
    <div class="confirm" role="alertdialog" aria-label={t("fence.delete")}>
      <p>{t("fence.delete.ask", { name: fence.name || fence.id })}</p>
      <button type="button" class="danger" onClick={() => void app.fences.remove(fence.id)}>
        {t("fence.delete.yes")}
      </button>
      <button type="button" autofocus onClick={() => setAsking(false)}>
        {t("fence.delete.no")}
      </button>
    </div>
  );
}

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { App } from "../app.ts";
import { age, integer, speedColumn } from "../format.ts";
import { type Key, lookup } from "../i18n/index.ts";
import { SILENT_MS, State, STATES } from "../store.ts";
import { UNKNOWN } from "../wire.ts";
import { Close, Search, StateMark } from "./icons.tsx";

const ROW = 46;
const SPARE = 6;

export const STATE_KEYS: Record<number, Key> = {
  [State.Unplaced]: "state.unplaced",
  [State.Moving]: "state.moving",
  [State.Stopped]: "state.stopped",
  [State.Silent]: "state.silent",
};

/** Search, filters and the list of all vehicles. */
export function Vehicles({ app, chosen }: { app: App; chosen: () => void }) {
  const rows = app.list.rows();
  const [active, setActive] = useState("");
  const list = useRef<ListHandle>(null);
  const activeRow = active ? app.fleet.row(active) : -1;
  const index = rows.indexOf(activeRow);

  // Keys count for what the list holds now, which may be a frame ahead of what is drawn.
  const move = (by: number) => {
    const now = app.list.rows();
    if (now.length === 0) return;
    const i = Math.max(0, Math.min(now.length - 1, now.indexOf(activeRow) + by));
    setActive(app.fleet.id[now[i]!]!);
    list.current?.reveal(i);
  };
  const choose = (row: number) => {
    setActive(app.fleet.id[row]!);
    app.select(app.fleet.id[row]!, true);
    chosen();
  };
  const onKey = (e: KeyboardEvent) => {
    const page = Math.max(1, (list.current?.page() ?? 10) - 1);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    if (e.key in steps) move(steps[e.key]!);
    else if (e.key === "Enter") {
      const now = app.list.rows();
      if (now.length > 0) choose(now[Math.max(0, now.indexOf(activeRow))]!);
    } else return;
    e.preventDefault();
  };

  // What is selected on the map comes into view in the list.
  useEffect(() => {
    if (!app.selected) return;
    setActive(app.selected);
    const i = app.list.rows().indexOf(app.fleet.row(app.selected));
    if (i >= 0) list.current?.reveal(i);
  }, [app, app.selected]);

  return (
    <div class="vehicles">
      <SearchField app={app} onKey={onKey} listId="vehicle-list" activeId={index >= 0 ? `v-${activeRow}` : ""} />
      <Filters app={app} />
      {rows.length > 0 ? (
        <VirtualList handle={list} app={app} rows={rows} active={activeRow} onChoose={choose} onKey={onKey} />
      ) : (
        <EmptyList app={app} />
      )}
      <footer class="count">
        {app.t("list.shown", { n: integer(rows.length, app.language), total: integer(app.fleet.size, app.language) })}
      </footer>
    </div>
  );
}

function SearchField({ app, onKey, listId, activeId }: { app: App; onKey: (e: KeyboardEvent) => void; listId: string; activeId: string }) {
  const { t } = app;
  return (
    <div class="search" role="search">
      <Search />
      <input
        id="search"
        type="text"
        inputMode="search"
        autocomplete="off"
        spellcheck={false}
        placeholder={t("list.search")}
        aria-label={t("list.search")}
        role="combobox"
        aria-expanded="true"
        aria-controls={listId}
        aria-activedescendant={activeId}
        value={app.list.query}
        onInput={(e) => app.list.setQuery(e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key === "Escape") {
            if (app.list.query) app.list.setQuery("");
            else e.currentTarget.blur();
            e.stopPropagation();
          } else onKey(e);
        }}
      />
      {app.list.query ? (
        <button type="button" class="quiet icon" aria-label={t("list.clear")} title={t("list.clear")} onClick={() => app.list.setQuery("")}>
          <Close />
        </button>
      ) : (
        <kbd title={t("help.search")}>/</kbd>
      )}
    </div>
  );
}

function Filters({ app }: { app: App }) {
  const { t, fleet } = app;
  const chip = (state: State | null, label: string, n: number, title = "") => (
    <button
      type="button"
      class="chip"
      title={title}
      aria-pressed={app.list.state === state}
      onClick={() => app.list.setState(app.list.state === state ? null : state)}
    >
      {state !== null && <StateMark state={state} />}
      <span>{label}</span>
      <b>{integer(n, app.language)}</b>
    </button>
  );
  return (
    <div class="chips" role="group" aria-label={t("list.filter")}>
      {STATES.map((s) =>
        chip(s, t(STATE_KEYS[s]!), fleet.counts[s]!, s === State.Silent ? t("state.silent.why", { min: SILENT_MS / 60_000 }) : ""),
      )}
    </div>
  );
}

function EmptyList({ app }: { app: App }) {
  const { t } = app;
  if (!app.list.loaded && app.list.failure)
    return (
      <div class="empty" role="alert">
        <p>{t("error.load", { reason: app.list.failure })}</p>
        <button type="button" onClick={() => app.retry()}>
          {t("error.retry")}
        </button>
      </div>
    );
  if (!app.list.loaded)
    return (
      <div class="empty">
        <p>{t("list.loading")}</p>
      </div>
    );
  if (app.fleet.size === 0)
    return (
      <div class="empty">
        <p>{t("list.empty")}</p>
        <p class="hint">{t("list.empty.next")}</p>
      </div>
    );
  return (
    <div class="empty">
      <p>{app.list.query ? t("list.none", { q: app.list.query }) : "–"}</p>
      <button
        type="button"
        onClick={() => {
          app.list.setQuery("");
          app.list.setState(null);
        }}
      >
        {t("list.clear")}
      </button>
    </div>
  );
}

interface ListHandle {
  reveal(index: number): void;
  page(): number;
}

interface ListProps {
  app: App;
  rows: Int32Array;
  active: number;
  handle: { current: ListHandle | null };
  onChoose: (row: number) => void;
  onKey: (e: KeyboardEvent) => void;
}

/** Only the rows in sight exist, however many vehicles there are. */
function VirtualList({ app, rows, active, handle, onChoose, onKey }: ListProps) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  useLayoutEffect(() => {
    const el = box.current!;
    const seen = new ResizeObserver(() => setHeight(el.clientHeight));
    seen.observe(el);
    return () => seen.disconnect();
  }, []);
  handle.current = {
    page: () => Math.floor(height / ROW),
    reveal: (i) => {
      const el = box.current;
      if (!el) return;
      if (i * ROW < el.scrollTop) el.scrollTop = i * ROW;
      else if ((i + 1) * ROW > el.scrollTop + el.clientHeight) el.scrollTop = (i + 1) * ROW - el.clientHeight;
    },
  };
  const first = Math.max(0, Math.floor(top / ROW) - SPARE);
  const last = Math.min(rows.length, Math.ceil((top + height) / ROW) + SPARE);
  return (
    <div
      ref={box}
      id="vehicle-list"
      class="list"
      role="listbox"
      tabIndex={0}
      aria-label={app.t("tab.vehicles")}
      aria-activedescendant={active >= 0 ? `v-${active}` : ""}
      onScroll={(e) => setTop(e.currentTarget.scrollTop)}
      onKeyDown={onKey}
    >
      <div style={{ height: `${rows.length * ROW}px` }}>
        {Array.from(rows.subarray(first, last), (r, i) => (
          <Row
            key={r}
            app={app}
            row={r}
            top={(first + i) * ROW}
            index={first + i}
            total={rows.length}
            active={r === active}
            onChoose={onChoose}
          />
        ))}
      </div>
    </div>
  );
}

interface RowProps {
  app: App;
  row: number;
  top: number;
  index: number;
  total: number;
  active: boolean;
  onChoose: (row: number) => void;
}

function Row({ app, row, top, index, total, active, onChoose }: RowProps) {
  const { fleet: f, t } = app;
  const id = f.id[row]!;
  const state = f.state[row]!;
  const time = f.time[row]!;
  const course = f.course[row]!;
  const late = f.late[row] === 1;
  const selected = id === app.selected;
  return (
    <div
      id={`v-${row}`}
      class="row"
      role="option"
      style={{ top: `${top}px` }}
      aria-selected={selected}
      aria-posinset={index + 1}
      aria-setsize={total}
      data-active={active}
      data-state={state}
      data-late={late}
      onClick={() => onChoose(row)}
    >
      <span class="row-mark" title={t(STATE_KEYS[state]!)}>
        <StateMark state={state} course={course === UNKNOWN ? undefined : course / 100} />
        <span class="sr">{t(STATE_KEYS[state]!)}</span>
      </span>
      <span class="row-name">
        <b>{f.label(row)}</b>
        <small>{f.name[row] ? id : kindLabel(app, f.kind[row]!)}</small>
      </span>
      <span class="row-data">
        <b>
          {state === State.Moving
            ? speedColumn(f.speed[row]!, f.kind[row]!)
            : time === 0
              ? "–"
              : state === State.Stopped
                ? t("state.stopped")
                : t("state.silent")}
        </b>
        <small>{time === 0 ? t("age.none") : age(app.now() - time, t)}</small>
      </span>
    </div>
  );
}

/** What kind of vehicle it is, in the person's language where the page knows the kind. */
export function kindLabel(app: App, kind: string): string {
  return lookup(app.language, `kind.${kind}`) ?? kind;
}

import { useEffect, useRef, useState } from "preact/hooks";
import type { App } from "../app.ts";
import { eventVerb, integer, vague } from "../format.ts";
import type { FenceEvent } from "../wire.ts";
import { ChevronDown, ChevronUp, EventMark } from "./icons.tsx";

/** Scrolled no farther than this, the newest event is in sight. */
const AT_TOP_PX = 8;

/** The feed of the fences' events, newest first. */
export function Events({ app, foldable }: { app: App; foldable: boolean }) {
  const { t, feed } = app;
  const hidden = foldable && app.feedHidden;
  return (
    <section class="feed" aria-label={t("bar.events")} data-hidden={hidden} data-empty={feed.events.length === 0}>
      {foldable && (
        <header>
          <h2>{t("bar.events")}</h2>
          {hidden && feed.events[0] && <Line app={app} event={feed.events[0]} />}
          <span class="bar-gap" />
          <button
            type="button"
            class="quiet icon"
            aria-expanded={!hidden}
            aria-label={hidden ? t("event.expand") : t("event.collapse")}
            title={hidden ? t("event.expand") : t("event.collapse")}
            onClick={() => app.setFeedHidden(!hidden)}
          >
            {hidden ? <ChevronUp /> : <ChevronDown />}
          </button>
        </header>
      )}
      {!hidden &&
        (feed.events.length > 0 ? (
          <Lines app={app} />
        ) : (
          <div class="empty">
            <p>{t("event.empty")}</p>
            <p class="hint">{t("event.empty.next")}</p>
            {app.fences.list.length === 0 && app.mayEdit && (
              <button type="button" onClick={() => app.fences.begin("polygon")}>
                {t("event.empty.draw")}
              </button>
            )}
          </div>
        ))}
    </section>
  );
}

/** The events, and a way back to the newest for who has scrolled away from them. */
function Lines({ app }: { app: App }) {
  const { t, feed } = app;
  const list = useRef<HTMLOListElement>(null);
  const [away, setAway] = useState(false);
  /** How many had come when the newest were last in sight. */
  const [seen, setSeen] = useState(feed.arrived);
  useEffect(() => {
    if (!away) setSeen(feed.arrived);
  }, [away, feed.arrived]);
  const unseen = away ? feed.arrived - seen : 0;
  return (
    <div class="events-frame">
      <ol
        ref={list}
        class="events"
        tabIndex={0}
        aria-label={t("bar.events")}
        onScroll={(e) => setAway(e.currentTarget.scrollTop > AT_TOP_PX)}
      >
        {feed.events.map((e) => (
          <li key={e.id} data-fresh={feed.fresh.has(e.id)} data-retracted={e.retracted}>
            <Line app={app} event={e} />
          </li>
        ))}
      </ol>
      {unseen > 0 && (
        <button
          type="button"
          class="newest"
          onClick={() => {
            list.current?.scrollTo({ top: 0 });
            list.current?.focus();
          }}
        >
          <ChevronUp /> {t("event.newest", { n: integer(unseen, app.language) })}
        </button>
      )}
    </div>
  );
}

function Line({ app, event: e }: { app: App; event: FenceEvent }) {
  const { t } = app;
  const why = e.reason === "fence_changed" || e.reason === "fence_deleted" ? t(`event.reason.${e.reason}`) : e.reason;
  const note = e.retracted ? t("event.retracted") : [why, e.revision > 1 ? t("event.corrected") : ""].filter(Boolean).join(" · ");
  return (
    <button
      type="button"
      class="event"
      data-kind={e.kind}
      data-vague={vague(e.plusMinusS)}
      data-event={e.id}
      onClick={() => app.showEvent(e)}
    >
      <time title={app.clock.long(e.time)}>
        {app.clock.when(e.time, app.now())}{" "}
        <small>
          {e.plusMinusS >= 0.05 ? t("event.plusminus", { s: e.plusMinusS < 10 ? e.plusMinusS.toFixed(1) : Math.round(e.plusMinusS) }) : ""}
        </small>
      </time>
      <span class="event-what">
        <span class="event-mark">
          <EventMark kind={e.kind} />
        </span>
        <b>{app.unitLabel(e.unit)}</b> <span class="event-verb">{eventVerb(e.kind, t)}</span> <b>{app.fenceLabel(e.fence)}</b>
        {note && <em>{note}</em>}
      </span>
    </button>
  );
}

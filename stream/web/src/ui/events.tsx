import type { App } from "../app.ts";
import { eventVerb } from "../format.ts";
import type { FenceEvent } from "../wire.ts";
import { ChevronDown, ChevronUp, EventMark } from "./icons.tsx";

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
          <ol class="events" tabIndex={0} aria-label={t("bar.events")}>
            {feed.events.map((e) => (
              <li key={e.id} data-fresh={feed.fresh.has(e.id)} data-retracted={e.retracted}>
                <Line app={app} event={e} />
              </li>
            ))}
          </ol>
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

function Line({ app, event: e }: { app: App; event: FenceEvent }) {
  const { t } = app;
  const why = e.reason === "fence_changed" || e.reason === "fence_deleted" ? t(`event.reason.${e.reason}`) : e.reason;
  const note = e.retracted ? t("event.retracted") : [why, e.revision > 1 ? t("event.corrected") : ""].filter(Boolean).join(" · ");
  return (
    <button type="button" class="event" data-kind={e.kind} data-event={e.id} onClick={() => app.showEvent(e)}>
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
        <b>{app.unitLabel(e.unit)}</b> <span>{eventVerb(e.kind, t)}</span> <b>{app.fenceLabel(e.fence)}</b>
        {note && <em>{note}</em>}
      </span>
    </button>
  );
}

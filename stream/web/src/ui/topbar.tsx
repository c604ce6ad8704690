import type { App } from "../app.ts";
import { Brand, Moon, SignOut, Sun } from "./icons.tsx";

/** The bar at the top: whether the page is live, and the person's own choices. */
export function TopBar({ app }: { app: App }) {
  const { t } = app;
  const dark = app.theme === "dark";
  return (
    <header class="bar">
      <h1 class="brand">
        <Brand />
        <span>Dipper</span>
      </h1>
      <LinkState app={app} />
      <span class="bar-gap" />
      <span class="zone" title={t("bar.zone", { zone: app.clock.zone })}>
        <time>{app.clock.time(app.now())}</time> {app.clock.zone}
      </span>
      {app.phase === "running" && (
        <button
          type="button"
          class="quiet icon keys"
          title={`${t("help.title")} (?)`}
          aria-label={t("help.title")}
          onClick={() => app.setHelp(true)}
        >
          ?
        </button>
      )}
      <button
        type="button"
        class="quiet lang"
        title={t("bar.language")}
        lang={app.language === "en" ? "zh" : "en"}
        onClick={() => app.setLanguage(app.language === "en" ? "zh" : "en")}
      >
        {app.language === "en" ? "中文" : "EN"}
      </button>
      <button
        type="button"
        class="quiet icon"
        title={t("bar.theme")}
        aria-label={t("bar.theme")}
        aria-pressed={dark}
        onClick={() => app.setTheme(dark ? "light" : "dark")}
      >
        {dark ? <Sun /> : <Moon />}
      </button>
      {app.phase === "running" && (
        <button
          type="button"
          class="quiet icon"
          title={`${t("bar.signout")}${app.session?.name ? ` · ${app.session.name}` : ""}`}
          aria-label={t("bar.signout")}
          onClick={() => void app.signOut()}
        >
          <SignOut />
        </button>
      )}
    </header>
  );
}

function LinkState({ app }: { app: App }) {
  const { t, link } = app;
  if (app.phase === "signed-out" || link.state === "stopped") return <span class="link" data-state="stopped" />;
  const words =
    link.state === "online"
      ? t("link.online")
      : link.state === "connecting"
        ? t("link.connecting")
        : t("link.waiting", { s: Math.max(0, Math.ceil((link.until - Date.now()) / 1000)) });
  return (
    <span class="link" data-state={link.state} role="status" aria-live="polite" aria-atomic="true">
      <i class="dot" aria-hidden="true" />
      <span class="link-words">{link.state === "waiting" ? <span aria-hidden="true">{words}</span> : words}</span>
      {link.state === "waiting" && (
        <button type="button" class="text" onClick={() => app.retry()}>
          {t("link.retry")}
        </button>
      )}
    </span>
  );
}

/** Says across the map that what is seen is no longer live. */
export function Frozen({ app }: { app: App }) {
  if (app.phase !== "running" || app.link.state === "online" || app.heard === 0) return null;
  return <div class="frozen">{app.t("link.frozen", { time: app.clock.when(app.heard, Date.now()) })}</div>;
}

/** What the page remembers of this person in this browser. Storage may be off: then it remembers nothing, and works all the same. */
import { LANGUAGES, type Language } from "./i18n/index.ts";
import type { ThemeName } from "./map/theme.ts";

export interface Prefs {
  language?: Language;
  theme?: ThemeName;
  feedHidden?: boolean;
}

const KEY = "dipper";

export function readPrefs(storage: () => Storage): Prefs {
  try {
    const v: unknown = JSON.parse(storage().getItem(KEY) ?? "{}");
    if (typeof v !== "object" || v === null) return {};
    const p = v as Record<string, unknown>;
    const prefs: Prefs = {};
    const language = LANGUAGES.find((l) => l === p["language"]);
    if (language) prefs.language = language;
    if (p["theme"] === "light" || p["theme"] === "dark") prefs.theme = p["theme"];
    if (p["feedHidden"] === true) prefs.feedHidden = true;
    return prefs;
  } catch {
    return {};
  }
}

export function writePrefs(storage: () => Storage, p: Prefs): void {
  try {
    storage().setItem(KEY, JSON.stringify(p));
  } catch {
    // Nothing to do: the choice holds until the page is closed.
  }
}

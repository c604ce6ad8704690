/** The page's languages: which one is spoken, and how a text is filled in. */
import { en, type Key } from "./en.ts";
import { zh } from "./zh.ts";

export type { Key } from "./en.ts";

export const LANGUAGES = ["en", "zh"] as const;
export type Language = (typeof LANGUAGES)[number];

export const dictionaries: Record<Language, Record<Key, string>> = { en, zh };

/** The tag for lang="" and for Intl. */
export const TAGS: Record<Language, string> = { en: "en-GB", zh: "zh-CN" };

/** The first of the browser's languages that the page speaks, else English. */
export function preferred(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const found = LANGUAGES.find((l) => tag.toLowerCase() === l || tag.toLowerCase().startsWith(`${l}-`));
    if (found) return found;
  }
  return "en";
}

export type Translate = (key: Key, places?: Record<string, string | number>) => string;

export function translator(language: Language): Translate {
  const d = dictionaries[language];
  return (key, places) => (places ? d[key].replace(/\{(\w+)\}/g, (all, name: string) => String(places[name] ?? all)) : d[key]);
}

/** Looks up a key that is made at run time from what the service said; undefined when there is none. */
export function lookup(language: Language, key: string): string | undefined {
  return Object.hasOwn(dictionaries[language], key) ? dictionaries[language][key as Key] : undefined;
}

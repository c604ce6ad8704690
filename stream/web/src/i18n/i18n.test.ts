import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { dictionaries, LANGUAGES, lookup, preferred, translator } from "./index.ts";

const keys = Object.keys(dictionaries.en).sort();

describe.each(LANGUAGES)("%s", (l) => {
  test("has every key, and no other", () => {
    expect(Object.keys(dictionaries[l]).sort()).toEqual(keys);
  });
  test("has the same places to fill in, and no empty text", () => {
    const places = (s: string) => [...s.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort();
    for (const [key, text] of Object.entries(dictionaries[l])) {
      expect([key, text.trim() !== ""]).toEqual([key, true]);
      expect([key, places(text)]).toEqual([key, places(dictionaries.en[key as keyof typeof dictionaries.en])]);
    }
  });
});

test("Chinese is not left in English", () => {
  const same = keys.filter((k) => lookup("en", k) === lookup("zh", k));
  expect(same).toEqual(["event.announce", "map.basemap", "solution.pps"]);
});

test("every key is used, by its name or by the head of a name that is put together", () => {
  const src = new URL("../", import.meta.url);
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((f) => /\.tsx?$/.test(f) && !f.startsWith("i18n"));
  const code = files.map((f) => readFileSync(new URL(f, src), "utf8")).join("\n");
  const heads = [...code.matchAll(/`([a-z.]+\.)\$\{/g)].map((m) => m[1]!);
  expect(keys.filter((k) => !code.includes(`"${k}"`) && !heads.some((h) => k.startsWith(h)))).toEqual([]);
});

test("texts are filled in", () => {
  expect(translator("en")("link.waiting", { s: 4 })).toBe("Offline, retry in 4 s");
  expect(translator("zh")("list.none", { q: "$&" })).toContain("“$&”");
});

test.each([
  [["zh-Hans-CN", "en"], "zh"],
  [["de-DE", "zh-TW"], "zh"],
  [["en-US"], "en"],
  [["fr"], "en"],
  [[], "en"],
])("%j speaks %s", (wanted, l) => {
  expect(preferred(wanted)).toBe(l);
});

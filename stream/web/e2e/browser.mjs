// Starting the browser, and what every page of a run is watched for.
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
];

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** How long anything on the page may take: drawing without a graphics card on a busy machine is slow. */
export const PATIENCE_MS = 45_000;

export class Browser {
  /** Complaints of all pages so far: each fails the run. */
  complaints = [];
  /** While true, errors of the network are expected. */
  offline = false;

  static async start() {
    const b = new Browser();
    b.browser = await chromium.launch({ executablePath: process.env.DIPPER_CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
    return b;
  }

  async open(url, options) {
    const context = await this.browser.newContext({ timezoneId: "Asia/Shanghai", ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("console", (m) => {
      if (m.type() === "error" && !this.offline) this.complaints.push(`console: ${m.text()}`);
      if (m.type() === "warning" && /dropped|not understood|base map/.test(m.text())) this.complaints.push(`console: ${m.text()}`);
    });
    page.on("pageerror", (e) => this.complaints.push(`uncaught: ${e.stack ?? e.message}`));
    await page.goto(url);
    return page;
  }

  close() {
    return this.browser.close();
  }
}

/** What axe finds serious or critical, as lines. The map library's own canvas is judged like the rest. */
export async function axe(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.html.slice(0, 160)} (${n.failureSummary.replace(/\s+/g, " ").slice(0, 200)})`));
}

/** Waits until fn gives something true, and returns it. */
export async function until(what, fn, ms = PATIENCE_MS) {
  const end = Date.now() + ms;
  let last;
  while (Date.now() < end) {
    try {
      last = await fn();
      if (last) return last;
    } catch (e) {
      last = e;
    }
    await new Promise((r) => setTimeout(r, 150));
  }
  throw new Error(`waited ${ms / 1000} s for ${what}; last: ${last}`);
}

export async function shot(page, name, always) {
  const dir = process.env.DIPPER_SHOTS ?? (always ? "" : new URL("out", import.meta.url).pathname);
  if (!dir) return;
  mkdirSync(dir, { recursive: true });
  await page.screenshot({ path: `${dir}/${name}.png` });
}

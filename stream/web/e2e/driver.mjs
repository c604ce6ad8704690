// The driver's page of a running agent in a real browser: see README.md.
import assert from "node:assert/strict";
import { axe, Browser, shot, until } from "./browser.mjs";

const url = process.env.DIPPER_DRIVER_URL;
if (!url) {
  console.error("e2e: DIPPER_DRIVER_URL must say where the agent's page is, as in DIPPER_DRIVER_URL=http://127.0.0.1:8081 npm run e2e:driver");
  process.exit(2);
}

const SCREENS = {
  "a 10 inch screen by day": { viewport: { width: 1024, height: 600 }, locale: "en-GB", colorScheme: "light" },
  "a 7 inch screen at night": { viewport: { width: 800, height: 480 }, locale: "zh-CN", colorScheme: "dark" },
  "a phone": { viewport: { width: 390, height: 844 }, locale: "zh-CN", colorScheme: "light", hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
};

const browser = await Browser.start();

async function check(name, screen) {
  const outside = [];
  const page = await browser.open("about:blank", screen);
  page.on("request", (r) => r.url().startsWith(url) || outside.push(r.url()));
  await page.goto(url);
  const text = (id) => page.locator(`#${id}`).innerText();
  await until("the speed", async () => /^\d+$/.test(await text("speed")));
  await until("a satellite in the sky", async () => (await page.locator("#plot g").count()) > 0);

  const chinese = screen.locale === "zh-CN";
  assert.equal(await page.evaluate(() => document.documentElement.lang), chinese ? "zh-CN" : "en");
  const { width, height } = screen.viewport;
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, "wider than the screen");
  for (const id of ["speed", "fix", "link", "waiting"]) {
    const box = await page.locator(`#${id}`).boundingBox();
    assert.ok(box.y + box.height <= height, `${id} is below the screen's end`);
  }
  assert.deepEqual(await axe(page), []);

  await page.locator("#language").focus(); // by keyboard, and kept
  await page.keyboard.press("Enter");
  await page.locator("#units").focus();
  await page.keyboard.press("Enter");
  await page.reload();
  await until("the other language and unit", async () => (await text("speedUnit")) === (chinese ? "kn" : "节"));

  browser.offline = true;
  await page.context().setOffline(true);
  await page.locator("#trouble").waitFor();
  await page.context().setOffline(false);
  await page.locator("#trouble").waitFor({ state: "hidden" });
  browser.offline = false;
  assert.deepEqual(outside, [], "the page reaches outside");
  assert.deepEqual(browser.complaints, [], "the browser complained");
  await shot(page, name.replace(/\W+/g, "-"), true);
  await page.context().close();
}

let failed = false;
for (const [name, screen] of Object.entries(SCREENS)) {
  try {
    await check(name, screen);
    console.log(`ok    ${name}`);
  } catch (e) {
    failed = true;
    console.log(`FAIL  ${name}: ${e.stack}`);
  }
}
await browser.close();
process.exitCode = failed ? 1 : 0;

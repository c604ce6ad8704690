// The page in a real browser, against a running service: see README.md.
import assert from "node:assert/strict";
import { axe, Browser, shot, until } from "./browser.mjs";

const url = process.env.DIPPER_URL;
if (!url) {
  console.error("e2e: DIPPER_URL must say where the service runs, as in DIPPER_URL=http://127.0.0.1:8080 npm run e2e");
  process.exit(2);
}

const DESK = { viewport: { width: 1440, height: 900 }, locale: "en-GB", colorScheme: "light" };
const WALL = { viewport: { width: 1920, height: 1080 }, locale: "zh-CN", colorScheme: "dark" };
const PHONE = {
  viewport: { width: 390, height: 844 },
  locale: "en-GB",
  colorScheme: "light",
  hasTouch: true,
  isMobile: true,
  deviceScaleFactor: 2,
};

const browser = await Browser.start();
let failed = false;
let page;

async function step(name, fn) {
  const begin = Date.now();
  try {
    await fn();
    assert.deepEqual(browser.complaints, [], "the browser complained");
    console.log(`ok    ${name} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
    await shot(page, name.replace(/\W+/g, "-"), true);
  } catch (e) {
    failed = true;
    console.log(`FAIL  ${name}: ${e.message}`);
    await shot(page, `failed-${name.replace(/\W+/g, "-")}`, false);
    throw e;
  }
}

async function signedIn(p) {
  await p.locator(".desk, .sign").first().waitFor();
  const form = p.locator(".sign form");
  if (await form.count()) {
    assert.ok(process.env.DIPPER_TOKEN, "the service asks for a token: set DIPPER_TOKEN");
    await form.locator("input").fill(process.env.DIPPER_TOKEN);
    await form.locator("button").click();
  }
  await p.locator('.link[data-state="online"]').waitFor();
  await p.locator(".row").first().waitFor();
}

const text = (selector) => page.locator(selector).first().innerText();
const hash = () => page.evaluate(() => location.hash);
const fenceName = `e2e ${Date.now().toString(36)}`;
let unit = "";

/** The view's centre and zoom from the hash. */
function viewOf(h) {
  const m = /map=([\d.]+)\/(-?[\d.]+)\/(-?[\d.]+)/.exec(h);
  return m ? m.slice(1).map(Number) : null;
}

/** Waits until the map has come to rest. */
async function settled() {
  let last = "";
  await until("the map to come to rest", async () => {
    const now = await hash();
    const same = now === last && now.includes("map=");
    last = now;
    await page.waitForTimeout(500);
    return same;
  });
}

async function fencePolygon(around, reach) {
  await page.locator("#tab-fences").click();
  await page.locator('[data-tool="polygon"]').click();
  await page.locator(".hinting").waitFor();
  await until("the drawing tools", () => page.evaluate(() => document.querySelector(".map-canvas canvas") !== null));
  // The tools come with the first use: a corner that was clicked too early is not there, so the first is clicked until it shows.
  await page.waitForTimeout(1500);
  const [x, y] = around;
  for (const [dx, dy] of [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
  ]) {
    await page.mouse.move(x + dx * reach, y + dy * reach, { steps: 4 });
    await page.mouse.click(x + dx * reach, y + dy * reach);
    await page.waitForTimeout(350);
  }
  await page.keyboard.press("Enter");
  await page.locator("#fence-name").waitFor();
}

try {
  page = await browser.open(url, DESK);
  await step("opens live, where the vehicles are", async () => {
    await signedIn(page);
    await until(
      "vehicles in view",
      async () => Number((await text(".inview")).replace(/\D/g, "")) > 0 || (await page.locator(".notice").count()) > 0,
    );
    await until("names or counts on the map", () =>
      page.evaluate(() => {
        const c = document.querySelector(".map-labels");
        return c
          .getContext("2d")
          .getImageData(0, 0, c.width, c.height)
          .data.some((v) => v !== 0);
      }),
    );
  });

  await step("vehicles move", async () => {
    await page.locator(".chip").first().click();
    await page.locator('.row[data-state="1"]').first().click();
    unit = await text(".unit h2");
    const at = await text(".position span");
    await until(`${unit} to move on`, async () => (await text(".position span")) !== at);
    await settled();
    const clip = { x: 500, y: 150, width: 500, height: 500 };
    const before = await page.screenshot({ clip });
    await until("the map to change", async () => !(await page.screenshot({ clip })).equals(before));
    await page.locator(".chip").first().click();
  });

  await step("the panel tells of one vehicle", async () => {
    await until("the trail", async () => /\d/.test(await page.locator(".unit dd").nth(-3).innerText()));
    assert.match(await text(".unit .age"), /\d+ (s|min|h|d) ago/);
    assert.match(await text(".figures"), /km\/h|kn/);
  });

  await step("search finds it again", async () => {
    await page.keyboard.press("Escape");
    await page.locator(".unit").waitFor({ state: "detached" });
    await page.keyboard.press("/");
    await page.keyboard.type(unit.slice(0, 3).toLowerCase());
    await until("fewer rows, or all that match", async () => (await page.locator(".row").count()) > 0);
    await page.keyboard.press("Control+A");
    await page.keyboard.type(unit);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.locator(".unit").waitFor();
    assert.equal(await text(".unit h2"), unit);
    await page.keyboard.press("Escape");
    assert.match(await hash(), /unit=/);
  });

  await step("a fence drawn around it tells an event", async () => {
    await page.locator(".unit .actions .primary").click(); // follow: it stays in the middle
    await settled().catch(() => {}); // it moves on: what counts is where it is now
    await page.locator(".unit .actions .primary").click();
    // It is in the middle of what the panel leaves of the map.
    const box = await page.locator(".map-canvas").boundingBox();
    const panel = await page.locator(".float").boundingBox();
    await fencePolygon([(box.x + panel.x) / 2, box.y + box.height / 2], 110);
    await page.locator("#fence-name").fill(fenceName);
    await page.locator(".editor button[type=submit]").click();
    await page.locator(".fence-list b", { hasText: fenceName }).waitFor();
    const line = page.locator(".event", { hasText: fenceName }).first();
    await line.waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await line.click();
    await until("the event's vehicle in the panel", async () => (await line.innerText()).includes(await text(".unit h2")));
    assert.match(await hash(), /fence=/);
  });

  await step("the fence is edited by keyboard", async () => {
    await page.locator(".fence-item", { hasText: fenceName }).locator(".icon").click();
    await page.locator(".coordinates summary").click();
    const rows = page.locator(".coordinates tbody tr");
    assert.equal(await rows.count(), 4);
    await rows.nth(0).locator("button").first().click();
    await until("a fifth corner", async () => (await rows.count()) === 5);
    await page.locator(".with-unit input").first().fill("40");
    await page.locator(".editor button[type=submit]").click();
    await page.locator(".fence-item", { hasText: fenceName }).locator("small", { hasText: "40 km/h" }).waitFor();
  });

  await step("a fence that crosses itself is refused at its place", async () => {
    await page.locator(".fence-item", { hasText: fenceName }).locator(".icon").click();
    if (
      !(await page
        .locator(".coordinates")
        .getAttribute("open")
        .catch(() => null))
    )
      await page
        .locator(".coordinates[open], .coordinates summary")
        .first()
        .click()
        .catch(() => {});
    const lat = page.locator(".coordinates tbody tr").nth(0).locator("input").first();
    const far = Number(await page.locator(".coordinates tbody tr").nth(3).locator("input").first().inputValue());
    await lat.fill(String(far - 0.05));
    await lat.press("Enter");
    browser.offline = true; // the browser itself writes refused requests to the console
    await page.locator(".editor button[type=submit]").click();
    await page.locator(".editor .refusal").waitFor();
    browser.offline = false;
    await page.locator(".editor .actions button", { hasText: "Cancel" }).click();
  });

  await step("a shape is typed, and its corner dragged on the map", async () => {
    await page.locator('[data-tool="polygon"]').click();
    await page.locator(".hinting .actions button").first().click();
    await page.locator(".coordinates summary").click();
    const corner = page.locator(".coordinates tbody tr").nth(0).locator("input").first();
    const before = await corner.inputValue();
    const box = await page.locator(".map-canvas").boundingBox();
    const [x, y] = [box.x + box.width * (3 / 8), box.y + box.height * (5 / 8)];
    await until("the corner to follow the mouse", async () => {
      await page.mouse.move(x, y, { steps: 3 });
      await page.mouse.down();
      await page.mouse.move(x - 50, y + 30, { steps: 6 });
      await page.mouse.up();
      await page.waitForTimeout(500);
      return (await corner.inputValue()) !== before;
    });
    await page.locator(".editor .actions button", { hasText: "Cancel" }).click();
  });

  await step("language and theme are switched and kept", async () => {
    await page.locator(".lang").click();
    await page.locator("#tab-vehicles", { hasText: "车船" }).waitFor();
    await page.getByRole("button", { name: "浅色或深色" }).click();
    await until("the dark theme", () => page.evaluate(() => document.documentElement.dataset.theme === "dark"));
  });

  await step("a reload finds the view again", async () => {
    await settled();
    const before = await hash();
    const name = await text(".unit h2");
    await page.reload();
    await signedIn(page);
    await until("the selection", async () => (await text(".unit h2")) === name);
    await settled();
    const [a, b] = [viewOf(before), viewOf(await hash())];
    assert.ok(Math.abs(a[0] - b[0]) < 0.02 && Math.abs(a[1] - b[1]) < 1e-3 && Math.abs(a[2] - b[2]) < 1e-3, `view ${a} became ${b}`);
    assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-CN");
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    await page.locator(".event", { hasText: fenceName }).first().waitFor();
  });

  await step("a broken link is said, and heals", async () => {
    browser.offline = true;
    await page.context().setOffline(true);
    await page.locator(".frozen").waitFor();
    await page.context().setOffline(false);
    await page.locator('.link[data-state="online"]').waitFor();
    await page.locator(".frozen").waitFor({ state: "detached" });
    browser.offline = false;
  });

  await step("the fence is deleted after a question", async () => {
    await page.locator("#tab-fences").click();
    await page.locator(".fence-item", { hasText: fenceName }).locator(".icon").click();
    await page.locator(".editor .push").click();
    await page.locator(".confirm .danger").click();
    await page.locator(".tools").waitFor();
    await page.locator(".fence-list b", { hasText: fenceName }).waitFor({ state: "detached" });
  });

  await step("axe finds nothing serious at the desk", async () => {
    assert.deepEqual(await axe(page), []);
    await page.locator("#tab-vehicles").click();
    assert.deepEqual(await axe(page), []);
  });
  await page.context().close();

  page = await browser.open(url, WALL);
  await step("speaks Chinese to a Chinese browser, in the dark on a wall screen", async () => {
    await signedIn(page);
    assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-CN");
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    await page.locator("#tab-vehicles", { hasText: "车船" }).waitFor();
    assert.deepEqual(await axe(page), []);
  });
  await page.context().close();

  page = await browser.open(url, PHONE);
  await step("works on a phone", async () => {
    await signedIn(page);
    const fits = async () => {
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 390, `the page is ${wide} px wide`);
    };
    await fits();
    await page.locator(".row").first().tap();
    await page.locator(".side .unit").waitFor();
    await until("the details", async () => (await page.locator(".side .unit dl").count()) > 0);
    await fits();
    assert.deepEqual(await axe(page), []);
    browser.offline = true;
    await page.context().setOffline(true);
    await page.locator('.link[data-state="waiting"]').waitFor();
    await fits();
    await page.context().setOffline(false);
    await page.locator('.link[data-state="online"]').waitFor();
    browser.offline = false;
    await page.locator(".side .unit header .icon").tap();
    await page.locator("#tab-events").tap();
    await page.locator(".side .feed").waitFor();
    await page.locator(".grip").tap();
    await until("the sheet to go up", () => page.evaluate(() => document.querySelector(".desk").dataset.sheet === "full"));
  });
  await page.context().close();
} catch (e) {
  if (!failed) console.log(`FAIL  ${e.stack}`);
  for (const c of browser.complaints) console.log(`      ${c}`);
  failed = true;
} finally {
  await browser.close();
}
process.exitCode = failed ? 1 : 0;

// The site's playground in Chromium: the engine's answers are those of Python, and nothing leaves the page.
//
//   EDITOR_HOME  where scripts/setup-editor.sh put playwright-core
//   SITE         the folder with playground/
//   EXPECTED     JSON: what vramlint says of each example, by title
//   AXE          the file of axe-core
//   OUT          folder for pictures
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join, normalize, resolve } from "node:path";

const needed = (name) => process.env[name] ?? assert.fail(`set ${name}`);
const { chromium } = createRequire(join(needed("EDITOR_HOME"), "node_modules/x"))("playwright-core");
const site = resolve(needed("SITE"));
const out = resolve(needed("OUT"));
const expected = JSON.parse(needed("EXPECTED"));
const LIMIT = { bytes: 15_000_000, milliseconds: 300 };
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
};
const started = Date.now();
const said = (what) => console.log(`${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s  ${what}`);
mkdirSync(out, { recursive: true });

/** A plain web server, as any that hosts files: no compression. Counts what it sends. */
const sent = { bytes: 0, paths: [] };
const listening = (handler) =>
  new Promise((done) => {
    const server = createServer(handler).listen(0, "127.0.0.1", () => done(server));
  });
const server = await listening((request, response) => {
  const path = normalize(decodeURIComponent(request.url.split("?")[0]));
  const file = join(site, path.endsWith("/") ? `${path}index.html` : path);
  try {
    assert(file.startsWith(site) && statSync(file).isFile());
    const body = readFileSync(file);
    sent.bytes += body.length;
    sent.paths.push(path);
    const type = TYPES[extname(file)] ?? "application/octet-stream";
    response.writeHead(200, { "Content-Type": type }).end(body);
  } catch {
    response.writeHead(404).end();
  }
});
/** A server that would answer anybody. */
let leaked = 0;
const stranger = await listening((_, response) => {
  leaked++;
  response.writeHead(200, { "Access-Control-Allow-Origin": "*" }).end("yes");
});
const address = (each) => `http://127.0.0.1:${each.address().port}`;
const url = `${address(server)}/playground/`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
});
const complaints = [];

async function visit(options = {}, at = url) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 960 }, ...options });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (!/^(blob:)?http:\/\/127\.0\.0\.1/.test(request.url())) complaints.push(request.url());
  });
  await page.goto(at);
  await page.waitForFunction(() => document.body.dataset.ready, null, { timeout: 120_000 });
  return page;
}

const verdict = (page) => page.locator("#verdict").textContent();
const shows = (page, text) =>
  page.waitForFunction((text) => document.querySelector("#verdict").textContent.includes(text), text);

try {
  const page = await visit();
  said(`loaded: ${(sent.bytes / 1e6).toFixed(1)} MB in ${new Set(sent.paths).size} files`);
  assert(sent.bytes < LIMIT.bytes, `a first load of ${sent.bytes} bytes`);

  // What it says of each example is what Python says of it.
  const times = [];
  for (const [title, { headline, codes }] of Object.entries(expected)) {
    await page.evaluate(() => delete document.body.dataset.milliseconds);
    await page.getByLabel("Example").selectOption({ label: title });
    await page.waitForFunction(() => document.body.dataset.milliseconds);
    assert.equal(await verdict(page), headline, title);
    assert.deepEqual(await page.locator("#findings a").allTextContents(), codes, title);
    times.push(Number(await page.evaluate(() => document.body.dataset.milliseconds)));
  }
  said(`${times.length} examples, milliseconds each: ${times.map(Math.round).join(", ")}`);
  assert(Object.keys(expected).length >= 6);
  assert(Math.max(...times) < LIMIT.milliseconds, `an estimate took ${Math.max(...times)} ms`);

  // Squiggle, hover, breakdown and timeline of the first.
  const [first] = Object.keys(expected);
  await page.getByLabel("Example").selectOption({ label: first });
  await shows(page, "DOES NOT FIT");
  const squiggle = page.locator(".cm-lintRange-error");
  await squiggle.waitFor();
  assert.equal(await squiggle.textContent(), "2");
  const report = page.locator("#report");
  assert((await report.locator("svg rect").count()) > 20);
  assert.match(await report.locator("svg rect title").first().textContent(), /weights .* GiB/);
  const rows = await report.locator("table").first().locator("tbody th").allTextContents();
  assert(rows.includes("activations") && rows.includes("total"), rows.join());
  await page.locator(".cm-line", { hasText: "micro_batch_size" }).hover({ position: { x: 30, y: 8 } });
  await page.locator(".cm-explained", { hasText: "GiB of activations" }).waitFor();
  await page.screenshot({ path: join(out, "light.png") });
  await page.mouse.move(0, 0);
  said("squiggle, hover, breakdown, timeline");

  // Another GPU, then a fix.
  await page.getByLabel("GPU", { exact: true }).fill("B300");
  await shows(page, "FITS");
  await page.getByLabel("GPU", { exact: true }).fill("");
  await shows(page, "DOES NOT FIT");
  await page.getByRole("button", { name: "fixes" }).first().click();
  await page.locator("button.fix").first().click();
  await shows(page, "FITS");
  assert.match(await page.locator(".cm-content").textContent(), /adapter: (q?)lora/);
  said("another GPU, and a fix");

  // Tab leaves the editor.
  await page.getByRole("textbox", { name: "Training config" }).focus();
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "");

  // A link holds the whole state.
  await page.getByLabel("GPU", { exact: true }).fill("T4");
  await shows(page, "T4");
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.waitForFunction(() => location.hash.length > 100);
  const again = await visit({ colorScheme: "dark" }, page.url());
  await shows(again, "T4");
  assert.equal(await verdict(again), await verdict(page));
  assert.equal(
    await again.locator(".cm-content").textContent(),
    await page.locator(".cm-content").textContent(),
  );
  said("shared by its address");

  // Not even the engine can reach anybody else: the worker is under the page's policy.
  const [worker] = page.workers();
  const reached = await worker.evaluate(async (stranger) => {
    try {
      return (await fetch(stranger)).status;
    } catch {
      return "refused";
    }
  }, address(stranger));
  assert.equal(reached, "refused");
  assert.equal(leaked, 0); // refused here, not there
  assert.deepEqual(complaints, []);
  said("nothing left the page, nothing was complained of");

  // Accessible in both schemes and on a narrow screen; axe itself needs a page without a policy.
  for (const [name, options] of Object.entries({
    light: { colorScheme: "light" },
    dark: { colorScheme: "dark" },
    narrow: { colorScheme: "dark", viewport: { width: 420, height: 900 } },
  })) {
    const seen = await visit({ ...options, bypassCSP: true });
    await seen.addScriptTag({ path: needed("AXE") });
    const { violations } = await seen.evaluate(() => globalThis.axe.run());
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
    await seen.screenshot({ path: join(out, `${name}-whole.png`), fullPage: true });
    assert.deepEqual(found, [], name);
    if (name === "narrow") {
      const wide = await seen.evaluate(() => document.documentElement.scrollWidth);
      assert(wide <= 420, `a narrow page is ${wide} wide`);
    }
  }
  said("accessible, light, dark and narrow");
} finally {
  await browser.close();
  server.close();
  stranger.close();
}

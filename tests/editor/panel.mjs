// What a user does with the figures: the fit meter, the GPU picker, and the panel with its what-ifs,
// by mouse and by keyboard, in a light theme and a dark one.
//
//   CONFIG      the config to open
//   SCREENSHOT  where the picture of the panel goes
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { panelOf, plain, runCommand, until } from "./steps.mjs";
import { said, withWorkbench } from "./workbench.mjs";

const { CONFIG, SCREENSHOT } = process.env;
const declared = readFileSync(CONFIG, "utf8");
const text = declared.replace(/^# vramlint: gpu=.*\n/m, "");
assert.notEqual(text, declared);
// The panel alone: what stands beside it is no config to show.
const PICTURE = { x: 875, y: 68, width: 825, height: 1147 };
// What a hostile config would like to have taken for markup.
const HOSTILE = '<img src=x onerror="document.title=1">';

await withWorkbench(
  {
    files: { [basename(CONFIG)]: text.replace(/^(base_model: .*)$/m, `$1\n"${HOSTILE.replaceAll('"', '\\"')}": 1`) },
    open: basename(CONFIG),
    settings: { "editor.hover.above": false, "workbench.colorTheme": process.env.THEME ?? "Default Light Modern" },
    viewport: { width: 1700, height: 1250 },
  },
  async ({ page, editor, shot }) => {
    const meter = page.locator('.statusbar-item[id$="vramlint.meter"]');
    await meter.filter({ hasText: /^\s*\d[\d.]* GiB\s*$/ }).waitFor();
    said(`meter without a GPU: ${plain(await meter.innerText()).trim()}`);

    const offer = page.locator(".notification-list-item", { hasText: "once it knows the GPU" });
    await offer.waitFor();
    await shot("offer");
    await offer.locator(".monaco-button", { hasText: "Choose GPU" }).click();
    const input = page.locator(".quick-input-widget input[type=text], .quick-input-widget input").first();
    const rows = page.locator(".quick-input-list .monaco-list-row");
    await rows.first().waitFor();
    assert.match(plain(await rows.nth(1).innerText()), /usable/);
    await shot("picker");
    await input.fill("RTX 4090");
    await rows.filter({ hasText: /RTX 4090/ }).first().waitFor();
    await page.keyboard.press("Enter");
    await rows.filter({ hasText: /1 × RTX 4090.*does not fit/ }).first().waitFor();
    await shot("count");
    await page.keyboard.press("Enter");
    await editor.locator(".view-line", { hasText: "vramlint: gpu=RTX-4090" }).first().waitFor();
    await meter.filter({ hasText: /\d+ \/ 23\.5 GiB/ }).waitFor();
    const before = plain(await meter.innerText()).trim();
    said(`GPU chosen, meter: ${before}`);
    await page.keyboard.press("Control+z");
    await meter.filter({ hasText: /^\s*\d[\d.]* GiB\s*$/ }).waitFor();
    await page.keyboard.press("Control+y");
    await meter.filter({ hasText: before }).waitFor();
    said("undone and done again");

    await page.keyboard.press("Control+b");
    await runCommand(page, "vramlint: Show Memory Breakdown");
    const panel = panelOf(page);
    const verdict = panel.locator(".verdict");
    await verdict.filter({ hasText: /does not fit: needs 1\d\d GiB/ }).waitFor();
    await panel.locator("svg .column").nth(4).waitFor();
    assert.equal(await panel.locator("img").count(), 0, "markup of a config was taken as such");
    await page.mouse.move(5, 700); // no tooltip in the picture
    await page.waitForTimeout(500);
    await page.screenshot({ path: SCREENSHOT, clip: PICTURE });
    said(`panel: ${plain(await verdict.innerText())}`);

    // By keyboard: the chosen moment moves with the arrows, and the figures below follow.
    const chosen = panel.locator(".column.selected");
    await chosen.focus();
    const worst = await chosen.getAttribute("data-moment");
    await page.keyboard.press("ArrowLeft");
    await until("another moment", async () => (await chosen.getAttribute("data-moment")) !== worst);
    const now = await chosen.getAttribute("data-moment");
    await panel.locator(".bars caption", { hasText: new RegExp(`^${now}: `) }).waitFor();
    said(`moment by keyboard: ${worst} → ${now}`);

    // What if: a slider and a list; nothing is written yet.
    const write = panel.getByRole("button", { name: "Write to file" });
    assert.ok(await write.isDisabled());
    const needs = () => verdict.innerText().then(plain);
    const unchanged = await needs();
    await panel.getByLabel("micro batch").focus();
    await page.keyboard.press("ArrowLeft");
    await until("the picture moves", async () => (await needs()).startsWith("then ") && (await needs()) !== unchanged);
    await panel.getByLabel("method").selectOption({ label: "qlora" });
    await verdict.filter({ hasText: /^then fits/ }).or(verdict.filter({ hasText: /^then does/ })).waitFor();
    await panel.getByLabel("checkpointing").selectOption({ label: "full" });
    await verdict.filter({ hasText: /^then fits/ }).waitFor();
    await shot("what-if");
    const promised = /needs ([\d.]+) GiB/.exec(await needs())[1];
    said(`what if: ${await needs()}`);
    await write.click();
    await editor.locator(".view-line", { hasText: /adapter:\sqlora/ }).first().waitFor();
    await meter.filter({ hasText: `${promised} / 23.5 GiB` }).waitFor();
    await verdict.filter({ hasText: new RegExp(`^fits: needs ${promised} GiB`) }).waitFor();
    said("written, as promised");
    await editor.locator(".view-line").first().click();
    await page.keyboard.press("Control+z");
    await meter.filter({ hasText: before }).waitFor();
    await verdict.filter({ hasText: "does not fit" }).waitFor();
    assert.equal(await editor.locator(".view-line", { hasText: /adapter:\sqlora/ }).count(), 0);
    said("undone in one step");

    await panel.getByRole("button", { name: "go to micro_batch_size" }).first().click();
    await until("the cursor at the key", async () =>
      (await page.locator(".selected-text").count()) > 0 || (await page.locator(".statusbar-item", { hasText: /selected\)/ }).count()) > 0,
    );
    said("jumped to the key");
  },
);

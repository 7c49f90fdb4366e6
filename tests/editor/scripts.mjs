// A config, a launch line, a Python script and a notebook: each has a squiggle at the number that decides,
// and a hover with what it costs.
//
//   FILES  a JSON object: file names and their texts; the last one is the notebook
import assert from "node:assert/strict";
import { plain, until } from "./steps.mjs";
import { said, withWorkbench } from "./workbench.mjs";

const files = JSON.parse(process.env.FILES);
const names = Object.keys(files);

async function open(page, name) {
  const input = page.locator(".quick-input-widget input.input");
  await until(`quick open of ${name}`, async () => {
    await page.keyboard.press("Control+p");
    return input.waitFor({ timeout: 1500 }).then(() => true, () => false);
  });
  await input.fill(name);
  await page.locator(".quick-input-widget .monaco-list-row", { hasText: name }).first().click();
}

await withWorkbench(
  {
    files,
    open: names[0],
    settings: { "editor.hover.above": false },
    // The notebook's last cell is in view, too.
    viewport: { width: 1280, height: 1300 },
  },
  async ({ page, shot }) => {
    for (const name of names) {
      await open(page, name);
      const where = name.endsWith(".ipynb") ? ".notebookOverlay" : ".editor-instance";
      const squiggle = page.locator(`${where} .squiggly-error:visible`).first();
      await squiggle.waitFor({ state: "attached" });
      said(`squiggle in ${name}`);
      const hover = page.locator(".monaco-hover:visible", { hasText: "VL101" }).first();
      await until(`hover in ${name}`, async () => {
        const box = await squiggle.boundingBox(); // asked again: a lens may move the line down
        if (box === null) return false;
        await page.mouse.move(box.x + 2 + Math.random() * 4, box.y + box.height / 2);
        return hover.waitFor({ timeout: 1500 }).then(() => true, () => false);
      });
      assert.match(plain(await hover.innerText()), /needs \d+(\.\d)? GiB per GPU/, `no figure in ${name}`);
      await shot(name);
      await page.keyboard.press("Escape");
      await page.mouse.move(5, 700);
      said(`hover in ${name}`);
    }
  },
);
said("passed");

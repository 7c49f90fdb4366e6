// What several journeys do with a workbench: read, wait, and choose commands.
import assert from "node:assert/strict";

/** Text without the U+00A0 that the editor writes for spaces. */
export const plain = (text) => text.replaceAll("\u00a0", " ");

/** Run `step` until it gives true; the workbench takes its time to listen. */
export async function until(what, step, patience = 30_000) {
  for (const end = Date.now() + patience; Date.now() < end; ) {
    if (await step()) return;
    await new Promise((done) => setTimeout(done, 200));
  }
  assert.fail(`timed out: ${what}`);
}

/**
 * Choose a command in the palette, which may be opening or closing still, or opened before the
 * extension was known: then it is opened again.
 */
export async function runCommand(page, title) {
  const palette = page.locator(".quick-input-widget");
  const input = palette.locator("input.input");
  const row = palette.locator(".monaco-list-row", { hasText: title }).first();
  const patience = { timeout: 3000 };
  await until(`command ${title}`, async () => {
    if (!(await input.isVisible())) await page.keyboard.press("F1");
    try {
      await input.fill(`>${title}`, patience);
      await row.click(patience);
      return true;
    } catch {
      await page.keyboard.press("Escape");
      return false;
    }
  });
  await palette.waitFor({ state: "hidden" });
}

/** The page of the breakdown panel that shows. */
export const panelOf = (page) =>
  page.frameLocator("iframe.webview").frameLocator("iframe").locator("#panel");

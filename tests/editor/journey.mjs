// What a user goes through: a config that does not fit, the squiggle, the hover, the quick fix, and
// a config that fits. Also the commands, and a file that is half typed.
//
//   CONFIG      the config to open
//   SCREENSHOT  where the picture with squiggle and hover goes
//   THEME       the colours of the workbench
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { panelOf, plain, runCommand, until } from "./steps.mjs";
import { said, withWorkbench } from "./workbench.mjs";

const { CONFIG, SCREENSHOT, THEME } = process.env;
const COMPONENTS = ["weights", "gradients", "optimizer states", "activations"];

// A hover opens no higher than a quarter of the editor. So the window is tall, and the picture shows
// the part of it that a laptop's screen would.
const WINDOW = { width: 1320, height: 2240 };
const PICTURE = { x: 50, y: 36, width: 1270, height: 900 };

await withWorkbench(
  {
    files: { [basename(CONFIG)]: readFileSync(CONFIG, "utf8") },
    open: basename(CONFIG),
    settings: { "editor.hover.above": false, "workbench.colorTheme": THEME },
    viewport: WINDOW,
  },
  async ({ page, editor, shot }) => {
    const squiggle = editor.locator(".squiggly-error").first();
    const lens = editor.locator(".codelens-decoration", { hasText: "GiB" }).first();
    // With what the key costs: the message alone comes first.
    const hover = page.locator(".monaco-hover:visible", { hasText: "other values" }).first();

    await squiggle.waitFor({ state: "attached" });
    said("squiggle");
    await lens.waitFor();
    const before = plain(await lens.innerText());
    await editor.locator(".view-line", { hasText: /\d\u00a0GiB/ }).first().waitFor();
    said(`code lens: ${before}`);

    await page.keyboard.press("Control+b"); // the side bar, which says nothing here
    await page.locator(".part.sidebar").waitFor({ state: "hidden" });

    // The squiggle lies below the text, so the mouse is moved by coordinates, and again until the
    // hover shows: the first move may come before the editor listens.
    const box = await squiggle.boundingBox();
    await until("hover", async () => {
      await page.mouse.move(box.x + 2 + Math.random() * 4, box.y + box.height / 2);
      return hover.waitFor({ timeout: 1500 }).then(() => true, () => false);
    });
    const text = plain(await hover.innerText());
    assert.match(text, /VL101/);
    for (const component of COMPONENTS) {
      assert.match(text, new RegExp(`${component}\\s+\\d`), `no ${component} in the hover`);
    }
    assert.match(text, /does not fit: needs \d+(\.\d)? GiB per GPU, .* has \d/, "no fit line");
    said("hover with the four components and the fit line");
    await page.screenshot({ path: SCREENSHOT, clip: PICTURE });

    await hover.locator("a", { hasText: "VL101" }).first().click();
    const rule = page.frameLocator("iframe.webview").frameLocator("iframe");
    await rule.getByRole("heading", { name: "What it finds" }).waitFor();
    await shot("rule");
    said("the page of the rule, rendered");
    await runCommand(page, "View: Close Editor");
    await squiggle.waitFor({ state: "attached" });

    await page.keyboard.press("Escape");
    await page.mouse.move(5, 700);
    await page.mouse.click(box.x + 2, box.y + box.height / 2);
    await page.keyboard.press("Control+.");
    const action = page.locator(".action-widget .monaco-list-row.action", { hasText: /GiB, fits/ }).first();
    await action.waitFor();
    const title = plain(await action.innerText()).trim();
    await shot("fixes");
    await page.keyboard.press("Enter"); // the first one has the focus
    await squiggle.waitFor({ state: "detached" });
    said(`squiggle gone after "${title}"`);
    await until("code lens says that it fits", async () => /✓/.test(await lens.innerText()));
    await shot("fixed");

    const undo = () =>
      until("squiggle back after undo", async () => {
        await page.keyboard.press("Control+z");
        return (await squiggle.count()) > 0;
      });
    await undo();
    said("squiggle back after undo");

    await editor.locator(".codelens-decoration a", { hasText: "make it fit" }).click();
    await squiggle.waitFor({ state: "detached" });
    await undo();
    said("made fit by the code lens, and undone");

    // Half a key on the first line: the rest of the file still counts.
    await page.keyboard.press("Control+Home");
    await page.keyboard.type("oops");
    await page.keyboard.press("Enter");
    await page.waitForTimeout(1000);
    await lens.waitFor();
    await squiggle.waitFor({ state: "attached" });
    said("half typed, and still there");

    await lens.locator("a", { hasText: "of 23.5 GiB" }).click();
    await panelOf(page).locator(".verdict", { hasText: /does not fit: needs \d/ }).waitFor();
    await shot("breakdown");
    said("breakdown");

    await runCommand(page, "vramlint: Show Memory Breakdown as Text");
    const preview = page.frameLocator("iframe.webview >> nth=-1").frameLocator("iframe");
    await preview.getByText("What was assumed").first().waitFor();
    said("breakdown as text");

    await runCommand(page, "vramlint: Restart Server");
    await runCommand(page, "vramlint: Show Debug Information");
    const row = (text) => page.locator(".editor-instance .view-line", { hasText: text }).first();
    await row(/found\u00a0by.*the\u00a0bundled\u00a0server/).waitFor();
    await row(/dialect.*axolotl/).waitFor();
    await shot("debug-information");
    said("restarted, and the debug information knows the file");
  },
);
said("passed");

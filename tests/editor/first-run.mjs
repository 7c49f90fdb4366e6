// A new user's first minutes: the extension is installed from its package, the only Python is one
// without packages, and a config of a framework is opened that names no GPU. Then there is a squiggle,
// and a prompt for the GPU that leads to a verdict. Says how long each took.
//
//   PYTHON      the folder of a Python without packages, which is all of the PATH
//   SCREENSHOT  where the picture with squiggle and prompt goes
import assert from "node:assert/strict";
import { plain, runCommand } from "./steps.mjs";
import { said, withWorkbench } from "./workbench.mjs";

const { PYTHON, SCREENSHOT } = process.env;
const CONFIG = `base_model: meta-llama/Llama-3.1-8B
datasets:
  - path: tatsu-lab/alpaca
    type: alpaca
sequence_len: 4096
micro_batch_size: 2
optimizer: adamw_torch_fused
bf16: auto
`;

await withWorkbench(
  {
    files: { "train.yaml": CONFIG },
    open: "train.yaml",
    env: { PATH: PYTHON },
    viewport: { width: 1000, height: 520 },
  },
  async ({ page, editor, shot }) => {
    await editor.locator(".squiggly-info").first().waitFor({ state: "attached" });
    said("the first squiggle");

    const offer = page.locator(".notification-list-item", { hasText: "once it knows the GPU" });
    await offer.waitFor();
    said("the prompt for the GPU");
    await page.waitForTimeout(500); // it fades in
    await page.screenshot({ path: SCREENSHOT });

    await offer.locator(".monaco-button", { hasText: "Choose GPU" }).click();
    const rows = page.locator(".quick-input-list .monaco-list-row");
    await rows.nth(1).waitFor();
    await page.locator(".quick-input-widget input").first().fill("RTX 4090");
    await rows.filter({ hasText: /RTX 4090/ }).first().waitFor();
    await page.keyboard.press("Enter");
    await rows.filter({ hasText: /1 × RTX 4090.*does not fit/ }).first().waitFor();
    await page.keyboard.press("Enter");
    await editor.locator(".view-line", { hasText: "vramlint: gpu=RTX-4090" }).first().waitFor();
    await editor.locator(".squiggly-error").first().waitFor({ state: "attached" });
    await editor.locator(".codelens-decoration", { hasText: "✗" }).first().waitFor();
    said("the verdict for that GPU");
    await shot("verdict");

    await runCommand(page, "vramlint: Show Debug Information");
    const command = page.locator(".editor-instance .view-line", { hasText: /^command/ }).first();
    await command.waitFor();
    assert.ok(plain(await command.innerText()).includes(PYTHON));
    said("passed");
  },
);

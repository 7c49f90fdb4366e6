// With no Python on the PATH, the one chosen in the Python extension runs the bundled server. And the
// user's settings reach that server.
//
//   PYTHON_EXTENSION  a VSIX that stands in for the Python extension
//   PYTHON            the interpreter that it names
import assert from "node:assert/strict";
import { plain, runCommand } from "./steps.mjs";
import { said, withWorkbench } from "./workbench.mjs";

const { PYTHON_EXTENSION, PYTHON } = process.env;

await withWorkbench(
  {
    files: { "train.yaml": "base_model: meta-llama/Llama-3.1-8B\nsequence_len: 2048\nmicro_batch_size: 1\n" },
    open: "train.yaml",
    env: { PATH: "/nowhere" },
    settings: { "vramlint.gpu": "A100-80GB x2", "vramlint.versions": { transformers: "4.48" } },
    beside: [PYTHON_EXTENSION],
  },
  async ({ page, editor }) => {
    await editor.locator(".codelens-decoration", { hasText: "A100" }).waitFor();
    said("the GPU of the settings");
    await runCommand(page, "vramlint: Show Debug Information");
    const row = async (name) => {
      const line = page.locator(".editor-instance .view-line", { hasText: name }).first();
      await line.waitFor();
      return plain(await line.innerText());
    };
    assert.match(await row(/^found/), /from the Python extension$/);
    assert.ok((await row(/^command/)).includes(PYTHON));
    assert.match(await row(/^gpu/), /A100-80GB x2/);
    said("passed");
  },
);

// A workspace that is not trusted, and rightly so: its settings name programs to run. The config is
// checked all the same, and none of them is started. And a file whose name is a link to a command is named
// in a message without one.
//
//   CONFIG  a config that does not fit
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { said, withWorkbench } from "./workbench.mjs";

const LINK = "[quit](command:workbench.action.closeActiveEditor).yaml";
const trap = (name) => `#!/bin/sh\ntouch "$(dirname "$0")/${name}-was-run"\n`;

await withWorkbench(
  {
    files: {
      "train.yaml": readFileSync(process.env.CONFIG, "utf8"),
      [LINK]: "base_model: meta-llama/Llama-3.1-8B\nmicro_batch_size: 1\nsequence_len: 2048\n",
      "yaml.py": "raise SystemExit('the workspace was imported')\n",
      "server.sh": trap("server"),
      "python3": trap("python"),
      ".vscode/settings.json": JSON.stringify({
        "vramlint.serverCommand": ["/bin/sh", "server.sh"],
        "vramlint.interpreter": "./python3",
      }),
    },
    open: "train.yaml",
    trusted: false,
  },
  async ({ page, editor, home, shot }) => {
    await page.getByText("Restricted Mode").first().waitFor();
    await editor.locator(".squiggly-error").first().waitFor({ state: "attached" });
    await shot("restricted");
    for (const name of ["server", "python"]) {
      assert.ok(!existsSync(join(home, "work", `${name}-was-run`)), `${name} was run`);
    }
    assert.equal(await page.locator(".notification-toast").count(), 0);

    await page.keyboard.press("Control+p");
    await page.locator(".quick-input-widget input").first().fill("quit");
    await page.locator(".quick-input-list .monaco-list-row", { hasText: "quit" }).first().waitFor();
    await page.keyboard.press("Enter");
    const offer = page.locator(".notification-list-item", { hasText: "once it knows the GPU" });
    await offer.waitFor();
    await shot("named-as-a-link");
    assert.match(await offer.innerText(), /\[quit\] \(command:/);
    assert.equal(await offer.locator(".notification-list-item-message a").count(), 0);
    said("passed");
  },
);

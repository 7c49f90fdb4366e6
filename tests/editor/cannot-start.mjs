// Where the server cannot be started, one message says why and which setting fixes it.
import assert from "node:assert/strict";
import { said, withWorkbench } from "./workbench.mjs";

const CASES = {
  "no Python at all": {
    env: { PATH: "/nowhere" },
    says: [/needs Python 3\.10 or newer/, /python3: not found/, /setting vramlint\.interpreter/],
    opens: "Interpreter",
  },
  "a Python that is not there": {
    settings: { "vramlint.interpreter": "/nowhere/python3" },
    says: [/found none \(\/nowhere\/python3: not found\)/, /setting vramlint\.interpreter/],
    opens: "Interpreter",
  },
  "a command that is not there": {
    settings: { "vramlint.serverCommand": ["/nowhere/vramlint", "server"] },
    says: [/did not start: \/nowhere\/vramlint server/, /setting vramlint\.serverCommand/],
    opens: "Server Command",
  },
};

const { env, settings, says, opens } = CASES[process.env.CASE];

await withWorkbench(
  {
    files: { "train.yaml": "base_model: meta-llama/Llama-3.1-8B\n" },
    open: "train.yaml",
    env,
    settings,
  },
  async ({ page, shot }) => {
    const notices = page.locator(".notification-toast");
    await notices.first().waitFor();
    const text = await notices.first().innerText();
    for (const words of says) assert.match(text, words);
    await page.waitForTimeout(1000);
    assert.equal(await notices.count(), 1, "one message, not several");
    await shot("notice");

    await notices.first().getByRole("button", { name: "Open Setting" }).click();
    await page.locator(".settings-editor .setting-item", { hasText: opens }).first().waitFor();
    await shot("setting");
    said("passed");
  },
);

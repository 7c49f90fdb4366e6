/** package.json and the sources agree: VS Code tells nobody when they do not. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import manifest from "../package.json";

const folder = join(import.meta.dirname, "..", "src");
const source = readdirSync(folder)
  .filter((name) => name.endsWith(".ts"))
  .map((name) => readFileSync(join(folder, name), "utf8"))
  .join("\n");

describe("package.json", () => {
  test.each(manifest.contributes.commands.map(({ command }) => command))(
    "%s is registered",
    (command) => {
      expect(source).toContain(`command("${command.replace("vramlint.", "")}"`);
    },
  );

  test("activates on the languages that the server is shown", () => {
    const notebook = /NOTEBOOK = "(.*)"/.exec(source)?.[1] ?? "";
    const languages = /LANGUAGES = \[(.*)\]/.exec(source)?.[1]?.match(/[a-z]+/g) ?? [];
    expect(manifest.activationEvents).toEqual([
      ...languages.map((name) => `onLanguage:${name}`),
      `onNotebook:${notebook}`,
    ]);
  });

  test("settings that name a program cannot come from a workspace", () => {
    const { properties } = manifest.contributes.configuration;
    expect(properties["vramlint.serverCommand"].scope).toBe("machine");
    expect(properties["vramlint.interpreter"].scope).toBe("machine");
    expect(manifest.capabilities.untrustedWorkspaces.supported).toBe(true);
  });

  test("has the version of the Python package", () => {
    const python = readFileSync(
      join(folder, "..", "..", "server", "vramlint", "__init__.py"),
      "utf8",
    );
    expect(/^__version__ = "(.*)"$/m.exec(python)?.[1]).toBe(manifest.version);
  });
});

/** What a config or a file's name says stays text. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { notice, visible } from "../src/visible";

test("characters that speak are written as escapes", () => {
  expect(visible("a\u001b[2J\u009b\u202eb\u2066\u2028\nc")).toBe(
    "a\\u001b[2J\\u009b\\u202eb\\u2066\\u2028\\u000ac",
  );
  expect(visible("Größe 4×, 日本語.yaml")).toBe("Größe 4×, 日本語.yaml");
});

test("a name is no link in a notification", () => {
  const link = /\[[^\]]+\]\((?:https?:\/\/|command:|file:)[^)\s]+\)/;
  expect("[x](command:quit).yaml").toMatch(link);
  expect(notice("[x](command:quit).yaml")).not.toMatch(link);
  expect(notice("[[x]](command:quit).yaml")).not.toMatch(link);
});

test("every message goes through it", () => {
  const source = join(import.meta.dirname, "..", "src");
  for (const name of readdirSync(source).filter((file) => file.endsWith(".ts"))) {
    const text = readFileSync(join(source, name), "utf8");
    const calls = text.match(/show(?:Information|Warning|Error)Message\(\s*[^\s]/g) ?? [];
    const guarded = text.match(/show(?:Information|Warning|Error)Message\(\s*notice\(/g) ?? [];
    expect(guarded.length, name).toBe(calls.length);
  }
});

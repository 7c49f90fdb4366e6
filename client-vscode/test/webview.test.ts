/** The panel's page: nothing of a config becomes markup, and nothing is loaded from elsewhere. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Estimate } from "../src/estimates";
import { layout } from "../src/webview/layout";

const source = join(import.meta.dirname, "..", "src");
const page = join(source, "webview");
const scripts = readdirSync(page).filter((name) => name.endsWith(".ts"));

const moment = (name: string, weights: number) => ({
  name,
  device_bytes: weights,
  components: { weights },
});

test.each([14, 15.4, 20, 23.4, 23.6, 40, 122])(
  "the figure of a column of %s GiB keeps clear of the limit",
  (size) => {
    const estimate = {
      moments: [moment("load", size * 2 ** 30), moment("backward", 122 * 2 ** 30)],
      gpu: { usable_bytes: 23.5 * 2 ** 30 },
    };
    const { columns, limit = NaN } = layout(estimate as unknown as Estimate);
    const { figure, top } = columns[0] ?? { figure: NaN, top: NaN };
    expect(figure).toBeLessThan(top);
    expect(figure <= limit - 4 || figure - 11 >= limit).toBe(true);
  },
);

test.each(scripts)("%s makes elements from text alone", (name) => {
  const text = readFileSync(join(page, name), "utf8");
  expect(text).not.toMatch(
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(/,
  );
  expect(text).not.toMatch(/setAttribute\("(?:style|on)|\.style\b/); // the policy forbids inline styles
});

test("the policy allows one script, one style sheet and nothing else", () => {
  const text = readFileSync(join(source, "panel.ts"), "utf8");
  const policy = /const policy = `(.*)`/.exec(text)?.[1] ?? "";
  expect(policy.split("; ").map((part) => part.split(" ")[0])).toEqual([
    "default-src",
    "style-src",
    "script-src",
  ]);
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
});

test("the style sheet takes its colours from the theme", () => {
  const text = readFileSync(join(page, "panel.css"), "utf8");
  expect(text).not.toMatch(/#[0-9a-f]{3,8}\b|rgb|url\(|@import/i);
});

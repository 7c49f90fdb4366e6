/** Figures, the order of GPUs and the picture's layout. */

import { describe, expect, test } from "vitest";
import type { Answer, Estimate, GpusAnswer, Verdict } from "../src/estimates";
import { count, gib, meterText, verdictSentence } from "../src/format";
import { gpuChoices } from "../src/gpuChoices";
import { HEIGHT, layout, tickStep, WIDTH } from "../src/webview/layout";

const GIB = 2 ** 30;
const RUN: Estimate = {
  dialect: "axolotl",
  model: { id: "org/model", parameters: 8e9, trainable_parameters: 8e9 },
  gpu: { name: "RTX 4090", usable_bytes: 23.5 * GIB, count: 2 },
  components: { weights: 15 * GIB, overhead: GIB },
  device_bytes: 125 * GIB,
  moments: [
    { name: "load", device_bytes: 16 * GIB, components: { weights: 15 * GIB, overhead: GIB } },
    {
      name: "backward",
      device_bytes: 125 * GIB,
      components: { weights: 15 * GIB, activations: 109 * GIB, overhead: GIB },
    },
  ],
  error_band: 0.03,
  verdict: "does_not_fit",
  headroom_bytes: -101.5 * GIB,
  largest_at_peak: [],
  assumptions: [],
  notes: [],
};
const ANSWER: Answer = {
  version: 1,
  stale: false,
  estimate: RUN,
  cannot: null,
  bound: "",
  why_unknown: ["the teacher is not counted"],
  labels: {},
};

describe("figures", () => {
  test("as the server writes them", () => {
    expect([0, 0.02, 0.3, 23.54, 99.94, 99.96, 1234.5].map((size) => gib(size * GIB))).toEqual([
      "0.0",
      "0.02",
      "0.3",
      "23.5",
      "99.9",
      "100",
      "1,235",
    ]);
    expect([999, 8.03e9, 135e6].map(count)).toEqual(["999", "8.03 B", "135 M"]);
  });

  test("the meter names what is needed and what there is", () => {
    expect(meterText(RUN)).toBe("125 / 23.5 GiB");
    expect(meterText({ ...RUN, gpu: null })).toBe("125 GiB");
  });

  test.each<[Partial<Estimate>, string]>([
    [{}, "does not fit: needs 125 GiB per GPU, RTX 4090 × 2 has 23.5 (102 GiB over)"],
    [
      { verdict: "fits", headroom_bytes: 2 * GIB },
      "fits: needs 125 GiB per GPU, RTX 4090 × 2 has 23.5 (2.0 GiB left)",
    ],
    [{ verdict: "tight" }, "tight: needs 125 GiB per GPU ± 3 %, RTX 4090 × 2 has 23.5"],
    [
      { verdict: "unknown" },
      "unknown: needs 125 GiB per GPU, RTX 4090 × 2 has 23.5; the teacher is not counted",
    ],
    [{ gpu: null, headroom_bytes: null }, "needs 125 GiB per GPU; no GPU is declared"],
  ])("verdict of %j", (change, sentence) => {
    expect(verdictSentence({ ...ANSWER, estimate: { ...RUN, ...change } })).toBe(sentence);
  });
});

describe("GPUs", () => {
  const gpu = (name: string, verdict: Verdict) => ({
    name,
    spelling: name,
    vendor: "nvidia",
    memory_bytes: GIB,
    usable_bytes: GIB,
    verdict,
  });
  const all: GpusAnswer = {
    installed: [{ ...gpu("own", "does_not_fit"), count: 4 }],
    known: [
      gpu("small", "does_not_fit"),
      gpu("own", "does_not_fit"),
      gpu("mid", "tight"),
      gpu("big", "fits"),
      gpu("huge", "fits"),
    ],
    declared: null,
    count: 1,
    writable: true,
  };

  test("one's own come first, then those that fit from the smallest", () => {
    const groups = gpuChoices(all).map(({ title, choices }) => [
      title,
      choices.map(({ name }) => name),
    ]);
    expect(groups).toEqual([
      ["this machine", ["own"]],
      ["fits, smallest first", ["big", "huge"]],
      ["tight", ["mid"]],
      ["does not fit, largest first", ["small"]],
    ]);
    expect(gpuChoices(all)[0]?.choices[0]?.count).toBe(4);
  });
});

describe("the picture", () => {
  const made = layout(RUN);

  test("stacks to the height of the moment, in proportion", () => {
    const [load, backward] = made.columns;
    const height = (at: typeof load) => (at?.boxes ?? []).reduce((sum, box) => sum + box.height, 0);
    expect(height(backward) / height(load)).toBeCloseTo(125 / 16);
    expect([load?.worst, backward?.worst]).toEqual([false, true]);
    for (const { boxes, top } of made.columns) {
      expect(boxes.at(-1)?.y).toBeCloseTo(top);
      for (const [index, box] of boxes.entries()) {
        const below = boxes[index - 1]?.y ?? made.base;
        expect(box.y + box.height).toBeCloseTo(below);
      }
    }
  });

  test("the limit has its place on the same scale, and all is inside", () => {
    const weights = made.columns[0]?.boxes[0]?.height ?? 0;
    expect((made.base - (made.limit ?? 0)) / weights).toBeCloseTo(23.5 / 15);
    expect(layout({ ...RUN, gpu: null }).limit).toBeUndefined();
    for (const { x, width, top } of made.columns) {
      expect(top).toBeGreaterThan(0);
      expect(x + width).toBeLessThanOrEqual(WIDTH);
    }
    expect(made.base).toBeLessThan(HEIGHT);
  });

  test.each([0.02, 0.7, 5, 23.5, 125, 4096])("at most seven ticks up to %f", (most) => {
    expect(most / tickStep(most)).toBeLessThanOrEqual(6);
    expect(most / tickStep(most)).toBeGreaterThanOrEqual(2);
  });
});

import { expect, test } from "vitest";
import { Deaths } from "../src/deaths";

const minutes = (count: number): number => count * 60_000;

test("four deaths in a row are forgiven, the fifth is not", () => {
  const deaths = new Deaths();
  const answers = [0, 1, 2, 3, 4].map((second) => deaths.worthRestarting(second * 1000));
  expect(answers).toEqual([true, true, true, true, false]);
});

test("old deaths are forgotten", () => {
  const deaths = new Deaths();
  const answers = [0, 1, 2, 3, 4, 5, 6].map((minute) => deaths.worthRestarting(minutes(minute)));
  expect(answers).not.toContain(false);
});

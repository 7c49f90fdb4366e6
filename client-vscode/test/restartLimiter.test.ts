import { expect, test } from "vitest";
import { RestartLimiter } from "../src/restartLimiter";

const minutes = (count: number): number => count * 60_000;

test("the server is restarted after four crashes in a row, not after the fifth", () => {
  const restarts = new RestartLimiter();
  const answers = [0, 1, 2, 3, 4].map((second) => restarts.worthRestarting(second * 1000));
  expect(answers).toEqual([true, true, true, true, false]);
});

test("old crashes are forgotten", () => {
  const restarts = new RestartLimiter();
  const answers = [0, 1, 2, 3, 4, 5, 6].map((minute) => restarts.worthRestarting(minutes(minute)));
  expect(answers).not.toContain(false);
});

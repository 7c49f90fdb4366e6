/** Figures in words, as the server writes them. Nothing here knows of VS Code. */

import type { Answer, Estimate, Verdict } from "./estimates";

const GIB = 2 ** 30;

/** "125", "23.5", "0.02": one decimal below 100, two where one would read 0.0. */
export function gib(bytes: number): string {
  const amount = bytes / GIB;
  const size = Math.abs(amount);
  if (size >= 99.95) return Math.round(amount).toLocaleString("en-US");
  return amount.toFixed(size > 0 && size < 0.05 ? 2 : 1);
}

export const WORDS: Readonly<Record<Verdict, string>> = {
  fits: "fits",
  tight: "tight",
  does_not_fit: "does not fit",
  unknown: "unknown",
};

/** The GPU's name as people say it: "RTX 4090 × 2". */
export function gpuText(gpu: NonNullable<Estimate["gpu"]>): string {
  return gpu.count > 1 ? `${gpu.name} × ${String(gpu.count)}` : gpu.name;
}

/** "125 / 23.5 GiB", or "125 GiB" where no GPU is declared. */
export function meterText(estimate: Estimate): string {
  const needs = gib(estimate.device_bytes);
  return estimate.gpu === null
    ? `${needs} GiB`
    : `${needs} / ${gib(estimate.gpu.usable_bytes)} GiB`;
}

/** The whole verdict in a sentence. */
export function verdictSentence(answer: Answer): string {
  const { estimate } = answer;
  if (estimate === null) return `no estimate: ${answer.cannot ?? "the file describes no run"}`;
  const needs = `${answer.bound}${gib(estimate.device_bytes)} GiB per GPU`;
  const { gpu, headroom_bytes: left } = estimate;
  if (gpu === null || left === null) return `needs ${needs}; no GPU is declared`;
  const has = `${gpuText(gpu)} has ${gib(gpu.usable_bytes)}`;
  if (estimate.verdict === "unknown") {
    return `unknown: needs ${needs}, ${has}; ${answer.why_unknown.join("; ")}`;
  }
  if (estimate.verdict === "tight") {
    const band = (100 * estimate.error_band).toFixed(0);
    return `tight: needs ${needs} ± ${band} %, ${has}`;
  }
  const margin = left < 0 ? `${gib(-left)} GiB over` : `${gib(left)} GiB left`;
  return `${WORDS[estimate.verdict]}: needs ${needs}, ${has} (${margin})`;
}

/** "8.03 B" for a number of parameters. */
export function count(amount: number): string {
  for (const [unit, letter] of [
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const) {
    if (amount >= unit) return `${(amount / unit).toPrecision(3)} ${letter}`;
  }
  return String(amount);
}

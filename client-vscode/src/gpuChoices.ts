/** The order in which GPUs are offered: one's own, those that fit by size, the others. */

import type { GpusAnswer, KnownGpu, Verdict } from "./estimates";
import { gib, WORDS } from "./format";

export interface GpuChoice {
  readonly name: string;
  readonly spelling: string;
  readonly mark: string;
  readonly description: string;
  /** How many there are, where that is known. */
  readonly count?: number;
}

export interface GpuGroup {
  readonly title: string;
  readonly choices: readonly GpuChoice[];
}

const MARKS: Readonly<Record<Verdict, string>> = {
  fits: "$(pass)",
  tight: "$(warning)",
  does_not_fit: "$(error)",
  unknown: "$(circle-outline)",
};

/** The groups that are not empty. */
export function gpuChoices(gpus: GpusAnswer): readonly GpuGroup[] {
  const own = new Set(gpus.installed.map(({ name }) => name));
  const others = gpus.known.filter(({ name }) => !own.has(name));
  const fits = ({ verdict }: KnownGpu): boolean => verdict === "fits";
  const tight = ({ verdict }: KnownGpu): boolean => verdict === "tight";
  const known = others.some(({ verdict }) => verdict !== "unknown");
  const groups: GpuGroup[] = [
    {
      title: "this machine",
      choices: gpus.installed.map((gpu) => ({ ...choiceOf(gpu), count: gpu.count })),
    },
    { title: "fits, smallest first", choices: others.filter(fits).map(choiceOf) },
    { title: "tight", choices: others.filter(tight).map(choiceOf) },
    {
      title: known ? "does not fit, largest first" : "known GPUs",
      choices: others
        .filter((gpu) => !fits(gpu) && !tight(gpu))
        .map(choiceOf)
        .reverse(),
    },
  ];
  return groups.filter(({ choices }) => choices.length > 0);
}

function choiceOf(gpu: KnownGpu): GpuChoice {
  const verdict = gpu.verdict === "unknown" ? "" : `, ${WORDS[gpu.verdict]}`;
  return {
    name: gpu.name,
    spelling: gpu.spelling,
    mark: MARKS[gpu.verdict],
    description: `${gib(gpu.usable_bytes)} GiB usable${verdict}`,
  };
}

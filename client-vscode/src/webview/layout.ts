/** Where the parts of the timeline lie. Pure arithmetic, in the units of the picture. */

import type { Estimate, Moment } from "../estimates";

export const WIDTH = 720;
export const HEIGHT = 260;
const LEFT = 44;
const RIGHT = 10;
const TOP = 26;
const BOTTOM = 26;
const GAP = 6;
const GIB = 2 ** 30;
const STEPS = [1, 2, 5];

/** The components from the bottom up; each has a colour of its own in panel.css. */
export const COMPONENTS = [
  "weights",
  "optimizer_states",
  "gradients",
  "activations",
  "generation",
  "overhead",
] as const;

export interface Box {
  readonly component: string;
  readonly y: number;
  readonly height: number;
}

export interface Column {
  readonly moment: Moment;
  readonly x: number;
  readonly width: number;
  readonly top: number;
  readonly boxes: readonly Box[];
  readonly worst: boolean;
}

export interface Layout {
  readonly columns: readonly Column[];
  readonly ticks: readonly { readonly gib: number; readonly y: number }[];
  /** The GPU's limit; undefined where none is declared. */
  readonly limit: number | undefined;
  readonly left: number;
  readonly right: number;
  readonly base: number;
}

/** The columns of the moments, their heights in proportion to what the GPU must offer. */
export function layout(estimate: Estimate): Layout {
  const { moments, gpu } = estimate;
  const highest = Math.max(1, gpu?.usable_bytes ?? 0, ...moments.map((each) => each.device_bytes));
  const scale = (HEIGHT - TOP - BOTTOM) / highest;
  const base = HEIGHT - BOTTOM;
  const pitch = (WIDTH - LEFT - RIGHT) / Math.max(1, moments.length);
  const worst = Math.max(0, ...moments.map((each) => each.device_bytes));
  const columns = moments.map((moment, index) => {
    let y = base;
    const boxes = COMPONENTS.flatMap((component) => {
      const height = (moment.components[component] ?? 0) * scale;
      if (height <= 0) return [];
      y -= height;
      return [{ component, y, height }];
    });
    return {
      moment,
      x: LEFT + index * pitch + GAP / 2,
      width: pitch - GAP,
      top: y,
      boxes,
      worst: moment.device_bytes === worst,
    };
  });
  const step = tickStep(highest / GIB);
  const ticks = [];
  for (let gib = 0; gib * GIB <= highest; gib += step)
    ticks.push({ gib, y: base - gib * GIB * scale });
  const limit = gpu === null ? undefined : base - gpu.usable_bytes * scale;
  return { columns, ticks, limit, left: LEFT, right: WIDTH - RIGHT, base };
}

/** A round step that makes at most six ticks. */
export function tickStep(most: number): number {
  for (let power = -2; power < 7; power++) {
    for (const step of STEPS) {
      const size = step * 10 ** power;
      if (most / size <= 6) return size;
    }
  }
  return most;
}

/** Where the parts of the timeline lie. Pure arithmetic, in the units of the picture. */

import type { Estimate, Moment } from "../estimates";

export const WIDTH = 720;
export const HEIGHT = 260;
const LEFT = 44;
const RIGHT = 10;
const TOP = 26;
const BOTTOM = 26;
const GAP = 6;
/** Between a figure and what is below it. */
const ABOVE = 5;
/** The height of a figure, which panel.css sets. */
const SIZE = 11;
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
  /** The baseline of the figure above the column. */
  readonly figure: number;
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
  const limit = gpu === null ? undefined : base - gpu.usable_bytes * scale;
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
      figure: figureAt(y, limit),
      boxes,
      worst: moment.device_bytes === worst,
    };
  });
  const step = tickStep(highest / GIB);
  const ticks = [];
  for (let gib = 0; gib * GIB <= highest; gib += step)
    ticks.push({ gib, y: base - gib * GIB * scale });
  return { columns, ticks, limit, left: LEFT, right: WIDTH - RIGHT, base };
}

/** The baseline of the figure above a column: above the limit's line where that would cross it. */
function figureAt(top: number, limit: number | undefined): number {
  const baseline = top - ABOVE;
  const crossed = limit !== undefined && baseline - SIZE < limit && limit < baseline + ABOVE;
  return Math.max(SIZE + 1, crossed ? limit - ABOVE : baseline);
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

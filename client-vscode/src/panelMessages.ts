/** What the panel's page and the extension say to each other. */

import type { Changes, EstimateAnswer, GpusAnswer, WhatIfAnswer } from "./estimates";

/** To the page: a run and the GPUs to choose from, or what a change would make of it. */
export type ToPage =
  | {
      readonly kind: "run";
      readonly name: string;
      readonly answer: EstimateAnswer | null;
      readonly gpus: GpusAnswer | null;
      /** "+31 GiB since the last commit", or nothing. */
      readonly since: string;
    }
  | { readonly kind: "tried"; readonly turn: number; readonly answer: WhatIfAnswer | null };

/** What is tried: values of fields, and the declaration of a GPU where it is another. */
export interface Tried {
  readonly changes: Changes;
  readonly gpu: string | null;
}

/** From the page. */
export type FromPage =
  | { readonly kind: "ready" }
  | ({ readonly kind: "try"; readonly turn: number } & Tried)
  | ({ readonly kind: "apply" } & Tried)
  | { readonly kind: "reveal"; readonly component: string }
  | { readonly kind: "text" };

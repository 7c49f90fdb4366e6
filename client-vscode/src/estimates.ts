/** What the server's own requests take and answer; docs/editor.md describes them. Sizes are bytes. */

import type { Range, WorkspaceEdit } from "vscode-languageclient/node";

export type Verdict = "fits" | "tight" | "does_not_fit" | "unknown";
export type FieldValue = string | number | boolean | null;
export type Changes = Readonly<Record<string, FieldValue>>;

export interface Moment {
  readonly name: string;
  readonly device_bytes: number;
  readonly components: Readonly<Record<string, number>>;
}

export interface LargeTensor {
  readonly name: string;
  readonly component: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly count: number;
  readonly bytes: number;
}

export interface Estimate {
  readonly dialect: string | null;
  readonly model: {
    readonly id: string | null;
    readonly parameters: number;
    readonly trainable_parameters: number;
  };
  readonly gpu: {
    readonly name: string;
    readonly usable_bytes: number;
    readonly count: number;
  } | null;
  readonly components: Readonly<Record<string, number>>;
  readonly device_bytes: number;
  readonly moments: readonly Moment[];
  readonly error_band: number;
  readonly verdict: Verdict;
  readonly headroom_bytes: number | null;
  readonly largest_at_peak: readonly LargeTensor[];
  readonly assumptions: readonly {
    readonly field: string;
    readonly value: unknown;
    readonly origin: string;
  }[];
  readonly notes: readonly string[];
}

export interface Control {
  readonly field: string;
  readonly title: string;
  readonly label: string;
  readonly effect: string;
  readonly value: FieldValue;
  readonly choices: readonly { readonly value: FieldValue; readonly writable: boolean }[];
  readonly range: Range | null;
}

/** What both answers say of a run. */
export interface Answer {
  readonly version: number | null;
  readonly stale: boolean;
  readonly estimate: Estimate | null;
  readonly cannot: string | null;
  readonly bound: string;
  readonly why_unknown: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface EstimateAnswer extends Answer {
  readonly controls: readonly Control[];
  readonly places: Readonly<Record<string, { readonly key: string; readonly range: Range | null }>>;
  readonly gpu_writable: boolean;
}

export interface WhatIfAnswer extends Answer {
  readonly edit: WorkspaceEdit | null;
  readonly unwritten: readonly string[];
}

export interface KnownGpu {
  readonly name: string;
  readonly spelling: string;
  readonly vendor: string;
  readonly memory_bytes: number;
  readonly usable_bytes: number;
  readonly verdict: Verdict;
}

export interface GpusAnswer {
  readonly installed: readonly (KnownGpu & { readonly count: number })[];
  readonly known: readonly KnownGpu[];
  readonly declared: string | null;
  readonly count: number;
  readonly writable: boolean;
}

/** What a run needs more or less than the committed one; `said` is empty where that is next to nothing. */
export interface SinceCommitAnswer {
  readonly commit: string;
  readonly device_bytes_then: number;
  readonly device_bytes: number;
  readonly difference_bytes: number;
  readonly said: string;
}

export const ESTIMATE = "vramlint/estimate";
export const WHAT_IF = "vramlint/whatIf";
export const GPUS = "vramlint/gpus";
export const SINCE_COMMIT = "vramlint/sinceCommit";

// What page and worker say to each other.

/** A place in the text, in UTF-16 units. */
export interface Place {
  from: number;
  to: number;
}

export interface Finding extends Place {
  code: string;
  name: string;
  severity: "error" | "warning" | "information" | "hint";
  message: string;
  unnecessary: boolean;
}

export interface Run {
  verdict: "fits" | "tight" | "does_not_fit" | "unknown";
  /** The verdict in words, as `vramlint estimate` prints it. */
  headline: string;
  /** The report of `vramlint estimate --format html`. */
  html: string;
}

export interface Analysis {
  framework: string | null;
  problem: string | null;
  runs: Run[];
  findings: Finding[];
}

export interface Fix {
  title: string;
  safe: boolean;
  edits: (Place & { insert: string })[];
}

/** The methods of engine.py's Playground, with what they answer. */
export interface Engine {
  warm: { arguments: []; answer: null };
  gpus: { arguments: []; answer: string[] };
  analyse: { arguments: [text: string, name: string, gpu: string]; answer: Analysis };
  fixes: { arguments: [finding: number]; answer: Fix[] };
  hover: { arguments: [line: number, character: number]; answer: string | null };
}

export type Method = keyof Engine;
export type Call = { id: number; method: Method; arguments: unknown[] };
export type Message =
  | { kind: "loading"; loaded: number; total: number }
  | { kind: "ready" }
  | { kind: "failed"; reason: string }
  | { kind: "answer"; id: number; answer?: unknown; error?: string; milliseconds: number };

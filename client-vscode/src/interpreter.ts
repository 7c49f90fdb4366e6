/** Finding a Python that can run the bundled server. Nothing here knows of VS Code. */

import { execFile } from "node:child_process";

export const NOT_FOUND = "not found";
export const OLDEST_PYTHON = [3, 10] as const;

/** A Python worth trying, and where the idea came from. */
export interface Candidate {
  readonly command: string;
  readonly source: string;
}

/** What a candidate turned out to be: a usable Python, or the reason why not. */
export type Probe =
  | { readonly usable: true; readonly executable: string; readonly version: string }
  | { readonly usable: false; readonly reason: string };

export interface Interpreter {
  readonly candidate: Candidate;
  readonly executable: string;
  readonly version: string;
}

export interface Attempt {
  readonly candidate: Candidate;
  readonly reason: string;
}

// Asked in isolated mode: neither PYTHONPATH nor the workspace may get a say in what runs.
const QUESTION =
  "import sys; print(*sys.version_info[:3], sep='.'); print(sys.executable or sys.argv[0])";
const PATIENCE_MS = 10_000;

/** Ask a candidate for its version. */
export function probe(command: string): Promise<Probe> {
  return new Promise((done) => {
    const options = { timeout: PATIENCE_MS, windowsHide: true, encoding: "utf8" } as const;
    execFile(command, ["-I", "-c", QUESTION], options, (error, stdout, stderr) => {
      done(error === null ? judge(command, stdout) : { usable: false, reason: why(error, stderr) });
    });
  });
}

function judge(command: string, answer: string): Probe {
  const [version = "", executable = ""] = answer.split(/\r?\n/);
  const [major = NaN, minor = NaN] = version.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_PYTHON;
  if (Number.isNaN(major) || Number.isNaN(minor)) {
    return { usable: false, reason: "did not answer as Python does" };
  }
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    return { usable: false, reason: `is Python ${version}` };
  }
  return { usable: true, executable: executable || command, version };
}

function why(error: Error, stderr: string): string {
  const { code, killed } = error as { code?: string | number | null; killed?: boolean };
  if (code === "ENOENT") return NOT_FOUND;
  if (code === "EACCES") return "not executable";
  if (killed === true) return `no answer in ${String(PATIENCE_MS / 1000)} s`;
  return stderr.trim().split("\n").at(-1) ?? error.message;
}

/**
 * The first candidate that is a usable Python, and what was wrong with those before it.
 * A Python that the user names is the only candidate: falling back would hide the mistake.
 */
export async function choose(
  candidates: readonly Candidate[],
  ask: (command: string) => Promise<Probe> = probe,
): Promise<{ interpreter: Interpreter | undefined; failed: readonly Attempt[] }> {
  const failed: Attempt[] = [];
  for (const candidate of candidates) {
    const answer = await ask(candidate.command);
    if (answer.usable) {
      const { executable, version } = answer;
      return { interpreter: { candidate, executable, version }, failed };
    }
    failed.push({ candidate, reason: answer.reason });
  }
  return { interpreter: undefined, failed };
}

/** One sentence for the user: what was tried, and the setting that fixes it. */
export function missingPython(failed: readonly Attempt[]): string {
  const tried = failed.map(({ candidate, reason }) => `${candidate.command}: ${reason}`).join("; ");
  return (
    `vramlint needs Python ${OLDEST_PYTHON.join(".")} or newer and found none (${tried}). ` +
    "Name one in the setting vramlint.interpreter."
  );
}

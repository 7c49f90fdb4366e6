/**
 * Where no Python is on the PATH: those that installers put elsewhere, and a private one that uv or conda make.
 * Nothing here knows of VS Code.
 */

import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type Candidate, OLDEST_PYTHON } from "./interpreter";

const NEWEST_MINOR = 15;
const PRIVATE_PYTHON = "3.12";

/** What makes a private Python. It is fetched by that program, from where its user has set it to. */
export interface Maker {
  readonly program: string;
  readonly args: readonly string[];
}

/** The private Python of this extension, whether it is there or not: where uv and where conda put it. */
export function privatePython(
  folder: string,
  platform: NodeJS.Platform = process.platform,
): readonly Candidate[] {
  const commands =
    platform === "win32"
      ? [join(folder, "Scripts", "python.exe"), join(folder, "python.exe")]
      : [join(folder, "bin", "python")];
  return commands.map((command) => ({ command, source: "the private Python" }));
}

/** Pythons that may be installed though no plain `python3` on the PATH is one that serves. */
export function elsewhere(
  home: string,
  platform: NodeJS.Platform = process.platform,
  list: (folder: string) => readonly string[] = namesIn,
): readonly Candidate[] {
  const minors = Array.from(
    { length: NEWEST_MINOR - OLDEST_PYTHON[1] + 1 },
    (_, index) => NEWEST_MINOR - index,
  );
  if (platform === "win32") {
    const programs = join(home, "AppData", "Local", "Programs", "Python");
    return minors
      .map((minor) => `Python3${String(minor)}`)
      .filter((name) => list(programs).includes(name))
      .map((name) => ({
        command: join(programs, name, "python.exe"),
        source: "Python's installer",
      }));
  }
  const named = minors.map((minor) => ({
    command: `python3.${String(minor)}`,
    source: `python3.${String(minor)} on the PATH`,
  }));
  const versions = join(home, ".pyenv", "versions");
  const pyenv = [...list(versions)]
    .filter((name) => /^3\.\d+\.\d+$/.test(name))
    .sort((one, other) => other.localeCompare(one, undefined, { numeric: true }))
    .map((name) => ({ command: join(versions, name, "bin", "python"), source: "pyenv" }));
  const folders = [
    // Programs that macOS starts from its dock do not have these on the PATH.
    ...(platform === "darwin" ? ["/opt/homebrew/bin", "/usr/local/bin"] : []),
    join(home, "miniconda3", "bin"),
    join(home, "miniforge3", "bin"),
    join(home, "anaconda3", "bin"),
  ];
  const installed = folders
    .filter((folder) => list(folder).includes("python3"))
    .map((folder) => ({ command: join(folder, "python3"), source: folder }));
  return [...named, ...pyenv, ...installed];
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The first program that can make a private Python in a folder, or undefined. */
export async function findMaker(
  folder: string,
  answers: (program: string) => Promise<boolean> = saysItsVersion,
): Promise<Maker | undefined> {
  const conda = ["create", "--yes", "--prefix", folder, `python=${PRIVATE_PYTHON}`];
  const makers: readonly Maker[] = [
    { program: "uv", args: ["venv", "--no-project", "--python", PRIVATE_PYTHON, folder] },
    ...["micromamba", "mamba", "conda"].map((program) => ({ program, args: conda })),
  ];
  for (const maker of makers) {
    if (await answers(maker.program)) return maker;
  }
  return undefined;
}

function saysItsVersion(program: string): Promise<boolean> {
  return new Promise((done) => {
    execFile(program, ["--version"], { timeout: 10_000, windowsHide: true }, (error) => {
      done(error === null);
    });
  });
}

/** Run a maker; its last words are the reason where it fails. */
export function make(maker: Maker, signal: AbortSignal): Promise<void> {
  return new Promise((done, failed) => {
    const options = { windowsHide: true, signal, timeout: 600_000 };
    execFile(maker.program, [...maker.args], options, (error, _, stderr) => {
      if (error === null) done();
      else failed(new Error(lastLine(stderr) ?? error.message));
    });
  });
}

function lastLine(text: string): string | undefined {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .at(-1);
}

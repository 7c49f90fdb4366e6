/** How the server is started: the user's own command, or the bundled server run by some Python. */

import { join } from "node:path";
import {
  type Attempt,
  type Candidate,
  choose,
  missingPython,
  NOT_FOUND,
  probe,
} from "./interpreter";

export interface LaunchSettings {
  /** The whole command; empty means the bundled server. */
  readonly serverCommand: readonly string[];
  /** A Python for the bundled server; empty means look for one. */
  readonly interpreter: string;
}

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** For the log and the debug information: which way this command was found. */
  readonly because: string;
}

/** No way to start the server; the message is for the user. */
export class CannotLaunch extends Error {
  override readonly name = "CannotLaunch";

  constructor(
    message: string,
    /** The setting that fixes it. */
    readonly setting: string,
    /** Whether any Python would do, one made for it too. */
    readonly anyPython = false,
  ) {
    super(message);
  }
}

/** The Pythons to try, in order. */
export function candidates(
  settings: LaunchSettings,
  fromPythonExtension: string | undefined,
  platform: NodeJS.Platform = process.platform,
  more: readonly Candidate[] = [],
): readonly Candidate[] {
  if (settings.interpreter !== "") {
    return [{ command: settings.interpreter, source: "the setting vramlint.interpreter" }];
  }
  const onPath = platform === "win32" ? ["python", "py"] : ["python3", "python"];
  return [
    ...(fromPythonExtension === undefined
      ? []
      : [{ command: fromPythonExtension, source: "the Python extension" }]),
    ...onPath.map((command) => ({ command, source: `${command} on the PATH` })),
    ...more,
  ];
}

/** Decide how to start the server, or throw {@link CannotLaunch}. */
export async function findLaunch(
  settings: LaunchSettings,
  extensionFolder: string,
  fromPythonExtension: () => Promise<string | undefined>,
  ask = probe,
  more: readonly Candidate[] = [],
): Promise<Launch> {
  const [command, ...args] = settings.serverCommand;
  if (command !== undefined) {
    return { command, args, because: "the setting vramlint.serverCommand" };
  }
  const suggested = settings.interpreter === "" ? await fromPythonExtension() : undefined;
  const { interpreter, failed } = await choose(
    candidates(settings, suggested, process.platform, more),
    ask,
  );
  if (interpreter === undefined) {
    const others = new Set(more.map(({ command: name }) => name));
    const worthSaying = failed.filter(
      ({ candidate, reason }) => reason !== NOT_FOUND || !others.has(candidate.command),
    );
    throw new CannotLaunch(
      missingPython(worthSaying),
      "vramlint.interpreter",
      settings.interpreter === "",
    );
  }
  const { candidate, executable, version } = interpreter;
  return {
    command: executable,
    // Isolated: neither PYTHONPATH nor the workspace comes before the bundled libraries.
    args: ["-I", join(extensionFolder, "bundled", "run.py"), "server"],
    because: `the bundled server, run by Python ${version} from ${candidate.source}${passedOver(failed)}`,
  };
}

function passedOver(failed: readonly Attempt[]): string {
  if (failed.length === 0) return "";
  const reasons = failed.map(({ candidate, reason }) => `${candidate.command} ${reason}`);
  return ` (passed over: ${reasons.join("; ")})`;
}

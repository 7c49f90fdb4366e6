/** The user's settings, as package.json declares them. */

import * as vscode from "vscode";
import type { LaunchSettings } from "./launch";

export const SECTION = "vramlint";

/** The command of the server's code lens that the extension runs, with a panel of its own. */
export const SHOW_BREAKDOWN = `${SECTION}.showBreakdown`;

/** The command of the fit meter. */
export const CHOOSE_GPU = `${SECTION}.chooseGpu`;

/** The settings that decide how the server is started: a change of one restarts it. */
export const LAUNCH_SETTINGS = [`${SECTION}.serverCommand`, `${SECTION}.interpreter`];

export function launchSettings(): LaunchSettings {
  const section = vscode.workspace.getConfiguration(SECTION);
  return {
    serverCommand: section.get<string[]>("serverCommand", []),
    interpreter: section.get<string>("interpreter", "").trim(),
  };
}

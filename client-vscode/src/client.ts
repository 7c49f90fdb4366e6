/** The language client: vscode-languageclient with our selector, and without its own pop-ups. */

import { type LogOutputChannel, workspace } from "vscode";
import {
  CloseAction,
  ErrorAction,
  type ErrorHandler,
  LanguageClient,
  RevealOutputChannelOn,
  TransportKind,
} from "vscode-languageclient/node";
import { SELECTOR } from "./documents";
import type { Launch } from "./launch";
import { SECTION, SHOW_BREAKDOWN } from "./settings";

/** Logs what the library would pop up: the session says it once, in words that name a setting. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

/** A client for a server; `died` is asked whether to start it again when it ends unasked. */
export function createClient(
  launch: Launch,
  log: LogOutputChannel,
  died: () => boolean,
): LanguageClient {
  const { command, args } = launch;
  const errorHandler: ErrorHandler = {
    error: () => ({ action: ErrorAction.Continue, handled: true }),
    closed: () => ({
      action: died() ? CloseAction.Restart : CloseAction.DoNotRestart,
      handled: true,
    }),
  };
  return new QuietClient(
    SECTION,
    "vramlint",
    { command, args: [...args], transport: TransportKind.stdio },
    {
      documentSelector: SELECTOR,
      outputChannel: log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      diagnosticCollectionName: "vramlint",
      // What this side does itself, so that the server does not offer it too.
      initializationOptions: { clientCommands: [SHOW_BREAKDOWN], trusted: workspace.isTrusted },
      initializationFailedHandler: () => false,
      errorHandler,
    },
  );
}

/** The fit meter in the status bar: what the config in view needs, of what its GPU has. */

import * as vscode from "vscode";
import { documentInView, SELECTOR } from "./documents";
import { ESTIMATE, type EstimateAnswer, type Verdict } from "./estimates";
import { meterText, verdictSentence } from "./format";
import type { Session } from "./session";
import { CHOOSE_GPU } from "./settings";

const PAUSE_MS = 150;
const COLOURS: Readonly<Record<Verdict, string | undefined>> = {
  does_not_fit: "statusBarItem.errorBackground",
  tight: "statusBarItem.warningBackground",
  fits: undefined,
  unknown: undefined,
};
const ICONS: Readonly<Record<Verdict, string>> = {
  does_not_fit: "$(error)",
  tight: "$(warning)",
  fits: "$(pass)",
  unknown: "$(question)",
};

export class Meter implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem(
    "vramlint.meter",
    vscode.StatusBarAlignment.Right,
    90,
  );
  private readonly subscriptions: vscode.Disposable;
  private timer: NodeJS.Timeout | undefined;
  private asked = 0;

  constructor(
    private readonly session: Session,
    /** Told of each config in view whose GPU nobody has declared. */
    private readonly withoutGpu: (document: vscode.Uri) => void,
  ) {
    this.item.name = "vramlint: fit meter";
    this.item.command = CHOOSE_GPU;
    const soon = (): void => {
      this.refreshSoon();
    };
    this.subscriptions = vscode.Disposable.from(
      this.item,
      vscode.window.onDidChangeActiveTextEditor(soon),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (vscode.languages.match(SELECTOR, document) > 0) soon();
      }),
      // Settings, companions and settled verdicts come with new diagnostics.
      vscode.languages.onDidChangeDiagnostics(soon),
      vscode.workspace.onDidGrantWorkspaceTrust(soon),
      session.onDidStart(soon),
    );
    soon();
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.subscriptions.dispose();
  }

  private refreshSoon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.refresh(), PAUSE_MS);
  }

  private async refresh(): Promise<void> {
    const turn = ++this.asked;
    const document = documentInView();
    const answer =
      document === undefined
        ? undefined
        : await this.session.request<EstimateAnswer>(ESTIMATE, {
            textDocument: { uri: document.toString() },
          });
    if (turn !== this.asked) return; // a later question is under way
    const estimate = answer?.estimate;
    if (document === undefined || answer == null || estimate == null) {
      this.item.hide();
      return;
    }
    const colour = COLOURS[estimate.verdict];
    this.item.text = `${ICONS[estimate.verdict]} ${meterText(estimate)}`;
    this.item.backgroundColor = colour === undefined ? undefined : new vscode.ThemeColor(colour);
    const since = await this.session.sinceCommit(document.toString());
    if (turn !== this.asked) return;
    const stale = answer.stale ? " (as last parsed)" : "";
    this.item.tooltip = [`${verdictSentence(answer)}${stale}`, since, "Click to choose a GPU."]
      .filter((line) => line !== "")
      .join("\n");
    this.item.accessibilityInformation = { label: `vramlint: ${verdictSentence(answer)}` };
    this.item.show();
    if (estimate.gpu === null && answer.gpu_writable) this.withoutGpu(document);
  }
}

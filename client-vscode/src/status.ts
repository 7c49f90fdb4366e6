/** The entry in the language status menu: what the server is doing, and one thing to do about it. */

import * as vscode from "vscode";
import { SHOWN } from "./documents";

export class Status implements vscode.Disposable {
  private readonly item = vscode.languages.createLanguageStatusItem("vramlint.status", SHOWN);

  constructor() {
    this.item.name = "vramlint";
    this.starting();
  }

  starting(): void {
    this.show("starting", vscode.LanguageStatusSeverity.Information, true);
  }

  running(version: string): void {
    this.show(`running, ${version}`, vscode.LanguageStatusSeverity.Information);
  }

  stopped(): void {
    this.show("stopped", vscode.LanguageStatusSeverity.Warning);
  }

  failed(reason: string): void {
    this.show(reason, vscode.LanguageStatusSeverity.Error);
  }

  dispose(): void {
    this.item.dispose();
  }

  private show(detail: string, severity: vscode.LanguageStatusSeverity, busy = false): void {
    this.item.text = "vramlint";
    this.item.detail = detail;
    this.item.severity = severity;
    this.item.busy = busy;
    this.item.command =
      severity === vscode.LanguageStatusSeverity.Information
        ? { command: "vramlint.showDebugInformation", title: "Debug information" }
        : { command: "vramlint.restart", title: "Restart" };
  }
}

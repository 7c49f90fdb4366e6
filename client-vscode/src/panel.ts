/** The breakdown panel: a page beside each config, with its run as a picture and controls to try changes. */

import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type { Range } from "vscode-languageclient/node";
import { documentInView } from "./documents";
import {
  ESTIMATE,
  type EstimateAnswer,
  GPUS,
  type GpusAnswer,
  WHAT_IF,
  type WhatIfAnswer,
} from "./estimates";
import type { FromPage, ToPage, Tried } from "./panelMessages";
import type { Session } from "./session";
import { SECTION } from "./settings";
import { notice, visible } from "./visible";

const PAUSE_MS = 150;

/** The panels that are open, one a config. */
export class Panels implements vscode.Disposable {
  private readonly open = new Map<string, Panel>();
  private readonly subscriptions: vscode.Disposable;

  constructor(
    private readonly extension: vscode.Uri,
    private readonly session: Session,
  ) {
    const all = (): void => {
      for (const panel of this.open.values()) panel.refreshSoon();
    };
    this.subscriptions = vscode.Disposable.from(
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        this.open.get(document.uri.toString())?.refreshSoon();
      }),
      vscode.languages.onDidChangeDiagnostics(all),
      session.onDidStart(all),
    );
  }

  /** Show the panel of a config: the one given, else the one in view. */
  show(config: vscode.Uri | undefined): void {
    const document = config ?? documentInView();
    if (document === undefined) return;
    const key = document.toString();
    const known = this.open.get(key);
    if (known !== undefined) {
      known.reveal();
      return;
    }
    const panel = new Panel(this.extension, this.session, document, () => this.open.delete(key));
    this.open.set(key, panel);
  }

  dispose(): void {
    for (const panel of [...this.open.values()]) panel.dispose();
    this.subscriptions.dispose();
  }
}

class Panel implements vscode.Disposable {
  private readonly page: vscode.WebviewPanel;
  private readonly name: string;
  private answer: EstimateAnswer | null | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    extension: vscode.Uri,
    private readonly session: Session,
    private readonly document: vscode.Uri,
    closed: () => void,
  ) {
    this.name = visible(document.path.slice(document.path.lastIndexOf("/") + 1));
    const dist = vscode.Uri.joinPath(extension, "dist");
    this.page = vscode.window.createWebviewPanel(
      "vramlint.panel",
      `${this.name}: memory`,
      { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true },
      { enableScripts: true, localResourceRoots: [dist] },
    );
    const { webview } = this.page;
    webview.onDidReceiveMessage((message: FromPage) => this.received(message));
    this.page.onDidDispose(() => {
      clearTimeout(this.timer);
      closed();
    });
    const local = (name: string): string =>
      webview.asWebviewUri(vscode.Uri.joinPath(dist, name)).toString();
    webview.html = html(local("panel.js"), local("panel.css"), webview.cspSource);
  }

  reveal(): void {
    this.page.reveal(undefined, true);
  }

  dispose(): void {
    this.page.dispose();
  }

  refreshSoon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.refresh(), PAUSE_MS);
  }

  private async refresh(): Promise<void> {
    const params = { textDocument: { uri: this.document.toString() } };
    const [answer, gpus, since] = await Promise.all([
      this.session.request<EstimateAnswer>(ESTIMATE, params),
      this.session.request<GpusAnswer>(GPUS, params),
      this.session.sinceCommit(this.document.toString()),
    ]);
    this.answer = answer;
    this.send({ kind: "run", name: this.name, answer: answer ?? null, gpus: gpus ?? null, since });
  }

  private async received(message: FromPage): Promise<void> {
    switch (message.kind) {
      case "ready":
        await this.refresh();
        break;
      case "try":
        this.send({
          kind: "tried",
          turn: message.turn,
          answer: (await this.tried(message)) ?? null,
        });
        break;
      case "apply": {
        const edit = (await this.tried(message))?.edit;
        if (edit != null && !(await this.session.apply(edit))) {
          void vscode.window.showWarningMessage(
            notice(`vramlint: ${this.name} has changed meanwhile, and nothing was written.`),
          );
        }
        break;
      }
      case "reveal":
        await this.jump(this.answer?.places[message.component]?.range ?? null);
        break;
      case "text":
        await vscode.commands.executeCommand(`${SECTION}.showBreakdownText`, this.document);
        break;
    }
  }

  private tried({ changes, gpu }: Tried): Promise<WhatIfAnswer | null | undefined> {
    const textDocument = { uri: this.document.toString() };
    return this.session.request<WhatIfAnswer>(WHAT_IF, { textDocument, changes, gpu });
  }

  private async jump(range: Range | null): Promise<void> {
    if (range === null) return;
    const shown = vscode.window.visibleTextEditors.find(
      ({ document }) => document.uri.toString() === this.document.toString(),
    );
    const { start, end } = range;
    await vscode.window.showTextDocument(this.document, {
      viewColumn: shown?.viewColumn ?? vscode.ViewColumn.One,
      selection: new vscode.Range(start.line, start.character, end.line, end.character),
    });
  }

  private send(message: ToPage): void {
    void this.page.webview.postMessage(message);
  }
}

/** The empty page. All that comes from a config is put in by the script, as text and never as markup. */
function html(script: string, style: string, source: string): string {
  const nonce = randomBytes(16).toString("base64");
  const policy = `default-src 'none'; style-src ${source}; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${style}">
<title>vramlint</title>
</head>
<body>
<main id="panel"></main>
<script nonce="${nonce}" src="${script}"></script>
</body>
</html>`;
}

/** The breakdown panel: the server's Markdown about one config, previewed beside it, kept fresh. */

import * as vscode from "vscode";
import { documentInView } from "./documents";
import type { Session } from "./session";

const SCHEME = "vramlint-breakdown";
const COMPARED = "since-commit";
const REFRESH_MS = 250;

export class Breakdown implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly subscriptions: vscode.Disposable;

  constructor(private readonly session: Session) {
    this.subscriptions = vscode.Disposable.from(
      this.changed,
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        this.refreshSoon(document.uri);
      }),
    );
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    if (uri.fragment === COMPARED) {
      const trusted = vscode.workspace.isTrusted;
      const page = await this.session.ask("vramlint.sinceCommit", uri.query, trusted);
      return page ?? "vramlint compares with the last commit in trusted workspaces only.";
    }
    const text = await this.session.ask("vramlint.breakdown", uri.query);
    return text ?? "vramlint has no estimate for this file: it is not a training config it knows.";
  }

  /** Show the breakdown of a config: the one given, else the one in view. */
  async show(config: vscode.Uri | undefined): Promise<void> {
    const source = config ?? documentInView();
    if (source === undefined) return;
    await vscode.commands.executeCommand("markdown.showPreviewToSide", breakdownOf(source));
  }

  /** Show a config's run and the one in the last commit beside each other. */
  async compare(config: vscode.Uri | undefined): Promise<void> {
    const source = config ?? documentInView();
    if (source === undefined) return;
    const name = source.path.slice(source.path.lastIndexOf("/") + 1);
    const page = vscode.Uri.from({
      scheme: SCHEME,
      path: `/${name} since the last commit.md`,
      query: source.toString(),
      fragment: COMPARED,
    });
    this.changed.fire(page); // what was shown of it may be old
    await vscode.commands.executeCommand("markdown.showPreviewToSide", page);
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.subscriptions.dispose();
  }

  private refreshSoon(source: vscode.Uri): void {
    const target = breakdownOf(source);
    const shown = vscode.workspace.textDocuments.some(({ uri }) => uri.query === target.query);
    if (!shown) return;
    clearTimeout(this.timers.get(target.query));
    const fire = (): void => {
      this.timers.delete(target.query);
      this.changed.fire(target);
    };
    this.timers.set(target.query, setTimeout(fire, REFRESH_MS));
  }
}

function breakdownOf(source: vscode.Uri): vscode.Uri {
  const name = source.path.slice(source.path.lastIndexOf("/") + 1);
  return vscode.Uri.from({ scheme: SCHEME, path: `/${name} memory.md`, query: source.toString() });
}

/** The extension's entry: starts the server, registers the commands, stops the server. */

import { join } from "node:path";
import * as vscode from "vscode";
import { Breakdown } from "./breakdown";
import { debugInformation } from "./debugInformation";
import { documentInView } from "./documents";
import { openExample } from "./example";
import { GpuPicker } from "./gpuPicker";
import { Meter } from "./meter";
import { Panels } from "./panel";
import { Session } from "./session";
import { LAUNCH_SETTINGS, SECTION } from "./settings";
import { Status } from "./status";

let session: Session | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel("vramlint", { log: true });
  const status = new Status();
  const running = new Session(
    context.extensionPath,
    log,
    status,
    join(context.globalStorageUri.fsPath, "python"),
  );
  const breakdown = new Breakdown(running);
  const panels = new Panels(context.extensionUri, running);
  const picker = new GpuPicker(running, context.workspaceState);
  const meter = new Meter(running, (document) => void picker.offer(document));
  session = running;

  const command = (name: string, run: (...args: never[]) => unknown): vscode.Disposable =>
    vscode.commands.registerCommand(`${SECTION}.${name}`, run);
  context.subscriptions.push(
    log,
    status,
    breakdown,
    panels,
    meter,
    command("showBreakdown", (config?: string | vscode.Uri) => {
      panels.show(uriOf(config));
    }),
    command("showBreakdownText", (config?: string | vscode.Uri) => breakdown.show(uriOf(config))),
    command("compareWithHead", (config?: string | vscode.Uri) => breakdown.compare(uriOf(config))),
    command("fit", (config?: string | vscode.Uri) => have(running, "makeItFit", config)),
    command("largestBatch", (config?: string | vscode.Uri) =>
      have(running, "maximize", config, "micro_batch_size"),
    ),
    command("longestSequence", (config?: string | vscode.Uri) =>
      have(running, "maximize", config, "sequence_length"),
    ),
    command("openExample", openExample),
    command("chooseGpu", (config?: string | vscode.Uri) => picker.choose(uriOf(config))),
    command("restart", () => running.restart()),
    command("showLog", () => {
      log.show();
    }),
    command("showDebugInformation", () => showDebugInformation(context, running)),
    vscode.workspace.onDidGrantWorkspaceTrust(() => running.restart()),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (LAUNCH_SETTINGS.some((name) => change.affectsConfiguration(name))) void running.restart();
    }),
  );
  await running.start();
}

export async function deactivate(): Promise<void> {
  await session?.stop();
}

/** Have the server change a config: the one given, else the one in view. */
async function have(
  running: Session,
  name: string,
  config: string | vscode.Uri | undefined,
  ...more: string[]
): Promise<void> {
  const document = uriOf(config) ?? documentInView();
  if (document !== undefined) await running.ask(`${SECTION}.${name}`, document.toString(), ...more);
}

/** What a command was given: the server gives text, menus give a URI. */
function uriOf(config: string | vscode.Uri | undefined): vscode.Uri | undefined {
  return typeof config === "string" ? vscode.Uri.parse(config) : config;
}

async function showDebugInformation(
  context: vscode.ExtensionContext,
  running: Session,
): Promise<void> {
  const document = documentInView()?.toString();
  const { version } = context.extension.packageJSON as { version: string };
  // Asked first: it waits for a start under way, which decides the rest.
  const fromServer = await running.ask("vramlint.debugInformation", document).catch(String);
  const content = debugInformation({
    extension: version,
    editor: `${vscode.env.appName} ${vscode.version}`,
    platform: `${process.platform} ${process.arch}, ${vscode.env.remoteName ?? "local"}`,
    trusted: vscode.workspace.isTrusted,
    server: running.describe(),
    settings: settingsInForce(context),
    fromServer,
  });
  const report = await vscode.workspace.openTextDocument({ content, language: "plaintext" });
  await vscode.window.showTextDocument(report);
}

/** Every setting that package.json declares, with the value that holds here. */
function settingsInForce(context: vscode.ExtensionContext): Record<string, unknown> {
  const manifest = context.extension.packageJSON as {
    contributes: { configuration: { properties: Record<string, unknown> } };
  };
  const configuration = vscode.workspace.getConfiguration();
  const names = Object.keys(manifest.contributes.configuration.properties);
  return Object.fromEntries(names.map((name) => [name, configuration.get(name)]));
}

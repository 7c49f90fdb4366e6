/** One server at a time: started, watched, restarted, and spoken to. */

import { mkdir, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname } from "node:path";
import * as vscode from "vscode";
import {
  ExecuteCommandRequest,
  type LanguageClient,
  State,
  type WorkspaceEdit,
} from "vscode-languageclient/node";
import { createClient } from "./client";
import { elsewhere, findMaker, make, type Maker, privatePython } from "./environment";
import { SINCE_COMMIT, type SinceCommitAnswer } from "./estimates";
import { probe } from "./interpreter";
import { CannotLaunch, findLaunch, type Launch } from "./launch";
import { chosenInterpreter } from "./pythonExtension";
import { RestartLimiter } from "./restartLimiter";
import { launchSettings } from "./settings";
import type { Status } from "./status";
import { notice } from "./visible";

export class Session {
  private client: LanguageClient | undefined;
  private launch: Launch | undefined;
  private failure: string | undefined;
  /** Starts and stops wait for each other here, so that two never overlap. */
  private turn: Promise<void> = Promise.resolve();
  private readonly started = new vscode.EventEmitter<void>();
  /** A server has come up, for the first time or again. */
  readonly onDidStart = this.started.event;

  constructor(
    private readonly extensionFolder: string,
    private readonly log: vscode.LogOutputChannel,
    private readonly status: Status,
    /** Where the private Python lies, if one was made. */
    private readonly privateFolder: string,
  ) {}

  start(): Promise<void> {
    return this.inTurn(() => this.startNow());
  }

  restart(): Promise<void> {
    return this.inTurn(async () => {
      await this.stopNow();
      await this.startNow();
    });
  }

  stop(): Promise<void> {
    return this.inTurn(() => this.stopNow());
  }

  /** Have the server run one of its commands; undefined when no server runs or it answers nothing. */
  async ask(command: string, ...args: unknown[]): Promise<string | undefined> {
    await this.turn;
    if (this.client?.state !== State.Running) return undefined;
    const params = { command, arguments: args };
    const answer: unknown = await this.client.sendRequest(ExecuteCommandRequest.type, params);
    return typeof answer === "string" ? answer : undefined;
  }

  /** Send one of the server's own requests; undefined when no server runs or it fails to answer. */
  async request<T>(method: string, params: object): Promise<T | null | undefined> {
    await this.turn;
    if (this.client?.state !== State.Running) return undefined;
    try {
      return await this.client.sendRequest<T | null>(method, params);
    } catch (error) {
      this.log.warn(`${method}: ${String(error)}`);
      return undefined;
    }
  }

  /** "+31 GiB since the last commit", or nothing: git is asked in trusted workspaces only. */
  async sinceCommit(document: string): Promise<string> {
    if (!vscode.workspace.isTrusted) return "";
    const params = { textDocument: { uri: document }, trusted: true };
    return (await this.request<SinceCommitAnswer>(SINCE_COMMIT, params))?.said ?? "";
  }

  /** Apply an edit that the server has made, as one step of undo. */
  async apply(edit: WorkspaceEdit): Promise<boolean> {
    const client = this.client;
    if (client === undefined) return false;
    const converted = await client.protocol2CodeConverter.asWorkspaceEdit(edit);
    return vscode.workspace.applyEdit(converted);
  }

  /** How the server was started and how it is, for the debug information. */
  describe(): { command: string; because: string; state: string } {
    const { launch, failure, client } = this;
    return {
      command: launch === undefined ? "none" : [launch.command, ...launch.args].join(" "),
      because: launch?.because ?? "",
      state: failure ?? (client?.state === State.Running ? this.version() : "not running"),
    };
  }

  private inTurn(work: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(work, work);
    return this.turn;
  }

  private async startNow(): Promise<void> {
    this.status.starting();
    this.failure = undefined;
    this.launch = undefined;
    try {
      this.launch = await findLaunch(
        launchSettings(),
        this.extensionFolder,
        chosenInterpreter,
        probe,
        [...privatePython(this.privateFolder), ...elsewhere(homedir())],
      );
    } catch (error) {
      if (!(error instanceof CannotLaunch)) throw error;
      const maker = error.anyPython ? await findMaker(this.privateFolder) : undefined;
      this.fail("no server", error.message, error.setting, maker);
      return;
    }
    this.log.info(`starting ${this.describe().command} (${this.launch.because})`);
    const restarts = new RestartLimiter();
    const client: LanguageClient = createClient(this.launch, this.log, () => {
      if (this.client !== client) return false; // it never came up, or is being stopped
      if (restarts.worthRestarting()) return true;
      this.fail("stopped", "vramlint's server keeps stopping and is not started again by itself.");
      return false;
    });
    try {
      await client.start();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const message = `vramlint's server did not start: ${this.describe().command}: ${reason}. It was found by ${this.launch.because}.`;
      this.fail("did not start", message, "vramlint.serverCommand");
      return;
    }
    this.client = client;
    this.up();
    client.onDidChangeState(({ newState }) => {
      if (this.client !== client) return;
      if (newState === State.Running) this.up();
      else if (newState === State.Starting) this.status.starting();
    });
  }

  /** Have uv or conda make a private Python, with a bar that can be cancelled, and start with it. */
  private async makePython(maker: Maker): Promise<void> {
    const title = `vramlint: ${maker.program} makes a private Python`;
    const location = vscode.ProgressLocation.Notification;
    try {
      await vscode.window.withProgress({ location, title, cancellable: true }, async (_, token) => {
        const abandoned = new AbortController();
        token.onCancellationRequested(() => {
          abandoned.abort();
        });
        await rm(this.privateFolder, { recursive: true, force: true });
        await mkdir(dirname(this.privateFolder), { recursive: true });
        await make(maker, abandoned.signal);
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.fail("no server", `No Python was made: ${reason}`, "vramlint.interpreter", maker);
      return;
    }
    await this.restart();
  }

  private async stopNow(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    try {
      await client?.dispose();
    } catch (error) {
      this.log.debug(`the server was gone before it was stopped: ${String(error)}`);
    }
    this.status.stopped();
  }

  private up(): void {
    this.status.running(this.version());
    this.started.fire();
  }

  private version(): string {
    const server = this.client?.initializeResult?.serverInfo;
    return server === undefined ? "vramlint" : `${server.name} ${server.version ?? ""}`.trim();
  }

  private fail(short: string, message: string, setting?: string, maker?: Maker): void {
    this.failure = message;
    this.status.failed(short);
    this.log.error(message);
    const open = "Open Setting";
    const restart = "Restart";
    const show = "Show Log";
    const create = `Make One with ${maker?.program ?? ""}`;
    const choices = [
      ...(maker === undefined ? [] : [create]),
      ...(setting === undefined ? [restart, show] : [open, show]),
    ];
    void vscode.window.showErrorMessage(notice(message), ...choices).then((choice) => {
      if (choice === open) {
        openSetting(setting);
      } else if (choice === restart) {
        void this.restart();
      } else if (choice === show) {
        this.log.show();
      } else if (choice === create && maker !== undefined) {
        void this.makePython(maker);
      }
    });
  }
}

/** Programs are named in machine settings, which in a remote window have a page of their own. */
function openSetting(name: string | undefined): void {
  const page = vscode.env.remoteName === undefined ? "openSettings" : "openRemoteSettings";
  void vscode.commands.executeCommand(`workbench.action.${page}`, { query: name });
}

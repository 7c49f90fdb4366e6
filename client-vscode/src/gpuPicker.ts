/** Choosing the GPU that a config is checked against, and writing it into the config as one edit. */

import * as vscode from "vscode";
import { documentInView } from "./documents";
import { GPUS, type GpusAnswer, WHAT_IF, type WhatIfAnswer } from "./estimates";
import { type GpuChoice, gpuChoices } from "./gpuChoices";
import { gib, WORDS } from "./format";
import type { Session } from "./session";
import { CHOOSE_GPU, SECTION } from "./settings";
import { notice } from "./visible";

const COUNTS = [1, 2, 4, 8, 16];
const OFFERED = "vramlint.gpuOffered";

interface GpuItem extends vscode.QuickPickItem {
  readonly choice?: GpuChoice;
}

export class GpuPicker {
  constructor(
    private readonly session: Session,
    private readonly remembered: vscode.Memento,
  ) {}

  /** Have a GPU chosen for the config given, else for the one in view. */
  async choose(config?: vscode.Uri): Promise<void> {
    const document = config ?? documentInView();
    if (document === undefined) return;
    const uri = document.toString();
    const gpus = await this.session.request<GpusAnswer>(GPUS, { textDocument: { uri } });
    if (gpus == null) return;
    if (!gpus.writable) {
      await this.explainWhyNot(gpus);
      return;
    }
    const item = await vscode.window.showQuickPick<GpuItem>(items(gpus), {
      title: "vramlint: the GPU that this run is meant for",
      placeHolder: gpus.declared === null ? "no GPU is declared" : `declared: ${gpus.declared}`,
      matchOnDescription: true,
    });
    if (item?.choice === undefined) return;
    const declaration = await this.counted(uri, item.choice, gpus);
    if (declaration === undefined) return;
    const found = await this.tried(uri, declaration);
    if (found?.edit != null) await this.session.apply(found.edit);
  }

  /** Offer the picker once for a file without a GPU. */
  async offer(document: vscode.Uri): Promise<void> {
    const known = this.remembered.get<string[]>(OFFERED, []);
    const uri = document.toString();
    if (known.includes(uri)) return;
    await this.remembered.update(OFFERED, [...known.slice(-199), uri]);
    const choose = "Choose GPU";
    const name = document.path.slice(document.path.lastIndexOf("/") + 1);
    const answer = await vscode.window.showInformationMessage(
      notice(`vramlint can tell whether ${name} fits once it knows the GPU.`),
      choose,
    );
    if (answer === choose) await vscode.commands.executeCommand(CHOOSE_GPU, document);
  }

  /** The declaration with a number of GPUs, each number with its verdict. */
  private async counted(
    uri: string,
    choice: GpuChoice,
    gpus: GpusAnswer,
  ): Promise<string | undefined> {
    const most = choice.count ?? Math.max(...COUNTS);
    const counts = [...new Set([...COUNTS, gpus.count, most])]
      .filter((count) => count <= most)
      .sort((one, other) => one - other);
    if (counts.length === 1) return choice.spelling;
    const rows = await Promise.all(
      counts.map(async (count) => {
        const declaration = declared(choice, count);
        const estimate = (await this.tried(uri, declaration))?.estimate;
        const description =
          estimate == null
            ? ""
            : `${gib(estimate.device_bytes)} GiB per GPU, ${WORDS[estimate.verdict]}`;
        return { label: `${String(count)} × ${choice.name}`, description, declaration };
      }),
    );
    const row = await vscode.window.showQuickPick(rows, {
      title: `vramlint: how many ${choice.name}, in one machine`,
    });
    return row?.declaration;
  }

  private tried(uri: string, gpu: string): Promise<WhatIfAnswer | null | undefined> {
    return this.session.request<WhatIfAnswer>(WHAT_IF, { textDocument: { uri }, gpu });
  }

  private async explainWhyNot(gpus: GpusAnswer): Promise<void> {
    const open = "Open Setting";
    const why =
      gpus.declared === null
        ? "This file can hold no comment that names a GPU"
        : `The GPU is ${gpus.declared}, which is not named in this file`;
    const answer = await vscode.window.showInformationMessage(
      notice(`${why}: the setting vramlint.gpu names one.`),
      open,
    );
    if (answer === open) {
      await vscode.commands.executeCommand("workbench.action.openSettings", `${SECTION}.gpu`);
    }
  }
}

function declared(choice: GpuChoice, count: number): string {
  return count === 1 ? choice.spelling : `${choice.spelling} x${String(count)}`;
}

function items(gpus: GpusAnswer): GpuItem[] {
  return gpuChoices(gpus).flatMap(({ title, choices }) => [
    { label: title, kind: vscode.QuickPickItemKind.Separator },
    ...choices.map((choice) => ({
      label: `${choice.mark} ${choice.name}`,
      description: choice.description,
      choice,
    })),
  ]);
}

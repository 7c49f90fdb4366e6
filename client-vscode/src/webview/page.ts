/** The panel's page: draws what the extension sends, and sends back what is tried. */

import type { Answer, Estimate, EstimateAnswer, GpusAnswer, WhatIfAnswer } from "../estimates";
import { count, verdictSentence } from "../format";
import type { FromPage, ToPage } from "../panelMessages";
import { visible } from "../visible";
import { Controls } from "./controls";
import { h } from "./dom";
import { assumed, bars, tensors } from "./tables";
import { timeline } from "./timeline";

declare function acquireVsCodeApi(): { postMessage(message: FromPage): void };

const editor = acquireVsCodeApi();

class Page {
  private readonly main = document.getElementById("panel") ?? document.body;
  private readonly title = h("h1");
  private readonly facts = h("p", { class: "facts" });
  private readonly verdict = h("p", { class: "verdict", role: "status", "aria-live": "polite" });
  private readonly said = h("p", { class: "said", role: "status", "aria-live": "polite" });
  private readonly picture = h("section", { "aria-label": "timeline" });
  private readonly figures = h("section", { "aria-label": "components" });
  private readonly largest = h("section", { "aria-label": "largest tensors" });
  private readonly rest = h("section", { "aria-label": "assumptions" });
  private readonly whatIf = h("fieldset", {}, h("legend", {}, "what if"));
  private readonly write = h("button", { type: "button" }, "Write to file");
  private readonly reset = h("button", { type: "button", class: "secondary" }, "Reset");

  private run: EstimateAnswer | null = null;
  private tried: WhatIfAnswer | null = null;
  private controls: Controls | undefined;
  private since = "";
  private controlled = "";
  private selected: string | undefined;
  private turn = 0;
  private waiting = false;
  private again = false;

  constructor() {
    const text = h("button", { type: "button", class: "link" }, "everything as text");
    text.addEventListener("click", () => {
      editor.postMessage({ kind: "text" });
    });
    this.write.addEventListener("click", () => {
      if (this.controls !== undefined)
        editor.postMessage({ kind: "apply", ...this.controls.read() });
    });
    this.reset.addEventListener("click", () => {
      this.controls?.reset();
      this.changed();
    });
    this.main.replaceChildren(
      h("header", {}, this.title, this.facts, this.verdict),
      this.whatIf,
      this.picture,
      this.figures,
      this.largest,
      this.rest,
      h("footer", {}, text),
    );
    window.addEventListener("message", ({ data }: MessageEvent<ToPage>) => {
      if (data.kind === "run") this.took(data.name, data.answer, data.gpus, data.since);
      else this.answered(data.turn, data.answer);
    });
    editor.postMessage({ kind: "ready" });
  }

  /** A new version of the file. What is tried stays, unless the file says something else now. */
  private took(
    name: string,
    answer: EstimateAnswer | null,
    gpus: GpusAnswer | null,
    since: string,
  ): void {
    this.since = since;
    this.title.textContent = name;
    this.run = answer;
    const controlled = JSON.stringify([
      answer?.controls.map(({ field, value }) => [field, value]),
      gpus?.declared,
      gpus?.count,
    ]);
    if (answer !== null && !answer.stale && controlled !== this.controlled) {
      this.controlled = controlled;
      this.tried = null;
      this.controls = new Controls(answer, gpus, () => {
        this.changed();
      });
      this.whatIf.replaceChildren(
        h("legend", {}, "what if"),
        this.controls.element,
        this.said,
        h("div", { class: "buttons" }, this.write, this.reset),
      );
    }
    this.changed();
  }

  /** Something is tried: ask, one question at a time, the latest change last. */
  private changed(): void {
    const change = this.controls?.read();
    if (change === undefined || (Object.keys(change.changes).length === 0 && change.gpu === null)) {
      this.turn++;
      this.waiting = false;
      this.tried = null;
      this.draw();
      return;
    }
    if (this.waiting) {
      this.again = true;
      return;
    }
    this.waiting = true;
    editor.postMessage({ kind: "try", turn: ++this.turn, ...change });
  }

  private answered(turn: number, answer: WhatIfAnswer | null): void {
    if (turn !== this.turn) return;
    this.waiting = false;
    this.tried = answer;
    this.draw();
    if (this.again) {
      this.again = false;
      this.changed();
    }
  }

  private draw(): void {
    const { run, tried } = this;
    const shown: Answer | null = tried ?? run;
    this.whatIf.hidden = run === null || run.controls.length === 0;
    this.write.disabled = tried?.edit == null;
    this.reset.disabled = tried === null;
    this.said.textContent = tried === null ? "" : saidOf(tried);
    if (shown === null) {
      this.verdict.textContent = "vramlint knows no training run in this file";
      this.verdict.className = "verdict";
      for (const part of [this.picture, this.figures, this.largest, this.rest])
        part.replaceChildren();
      return;
    }
    const { estimate } = shown;
    this.verdict.textContent = (tried === null ? "" : "then ") + visible(verdictSentence(shown));
    this.verdict.className = `verdict ${estimate?.verdict ?? "unknown"}`;
    if (estimate === null || run === null) return;
    const since = tried === null ? this.since : "";
    this.facts.textContent = visible(factsOf(estimate, run.stale, since));
    this.drawFigures(shown, estimate);
    this.largest.replaceChildren(
      tensors({ ...run, ...shown }, estimate, (component) => {
        editor.postMessage({ kind: "reveal", component });
      }),
    );
    this.rest.replaceChildren(assumed(estimate));
  }

  private drawFigures(shown: Answer, estimate: Estimate): void {
    const worst = estimate.moments.reduce((one, other) =>
      other.device_bytes > one.device_bytes ? other : one,
    );
    const names = estimate.moments.map(({ name }) => name);
    const selected =
      this.selected !== undefined && names.includes(this.selected) ? this.selected : worst.name;
    const focused = document.activeElement?.closest("[data-moment]") != null;
    const choose = (moment: string): void => {
      this.selected = moment;
      this.drawFigures(shown, estimate);
      this.picture.querySelector<SVGElement>("[aria-selected=true]")?.focus();
    };
    this.picture.replaceChildren(timeline(shown, estimate, selected, choose));
    this.figures.replaceChildren(bars(shown, estimate, selected));
    if (focused) this.picture.querySelector<SVGElement>("[aria-selected=true]")?.focus();
  }
}

function factsOf(estimate: Estimate, stale: boolean, since: string): string {
  const { model, dialect } = estimate;
  const trained = `${count(model.parameters)} parameters, ${count(model.trainable_parameters)} trained`;
  const parts = [model.id ?? "unnamed model", trained, dialect ?? "", since];
  if (stale)
    parts.push("the text says too little right now: figures of the last one that said enough");
  return parts.filter((part) => part !== "").join(" · ");
}

function saidOf(tried: WhatIfAnswer): string {
  if (tried.estimate === null) return "";
  if (tried.unwritten.length > 0) {
    return `${tried.unwritten.join(", ")}: shown only, this file does not say it`;
  }
  return tried.edit === null ? "shown only: this cannot be written into the file" : "";
}

new Page();

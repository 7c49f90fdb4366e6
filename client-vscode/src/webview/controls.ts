/** The what-if controls: a slider for each number, a list for each choice, and the GPU with its count. */

import type { Control, EstimateAnswer, FieldValue, GpusAnswer } from "../estimates";
import { gib } from "../format";
import { h } from "./dom";

const COUNTS = [1, 2, 4, 8, 16, 32, 64];

/** What the controls say now: the fields that differ from the file, and another GPU. */
export interface Wish {
  readonly changes: Record<string, FieldValue>;
  readonly gpu: string | null;
}

/** The controls, and how to read and reset them. */
export class Controls {
  readonly element: HTMLElement;
  private readonly readers: (() => readonly [string, FieldValue] | undefined)[] = [];
  private readonly resets: (() => void)[] = [];
  private gpu: () => string | null = () => null;

  constructor(answer: EstimateAnswer, gpus: GpusAnswer | null, changed: () => void) {
    const rows = answer.controls
      .filter(({ choices }) => choices.length > 1)
      .flatMap((control, index) => {
        const numeric = control.choices.every(({ value }) => typeof value === "number");
        return numeric ? this.slider(control, index, changed) : this.list(control, index, changed);
      });
    const gpu = gpus === null ? [] : this.gpuRow(answer, gpus, changed);
    this.element = h("div", { class: "controls" }, ...rows, ...gpu);
  }

  read(): Wish {
    const pairs = this.readers.map((reader) => reader()).filter((pair) => pair !== undefined);
    return { changes: Object.fromEntries(pairs), gpu: this.gpu() };
  }

  reset(): void {
    for (const reset of this.resets) reset();
  }

  private slider(control: Control, index: number, changed: () => void): HTMLElement[] {
    const { choices, field } = control;
    const own = choices.findIndex(({ value }) => value === control.value);
    const id = `control-${String(index)}`;
    const input = h("input", { id, type: "range", min: 0, max: choices.length - 1, step: 1 });
    const shown = h("output", { for: id });
    const say = (): void => {
      const value = spelled(choices[input.valueAsNumber]?.value ?? null);
      shown.textContent = value;
      input.setAttribute("aria-valuetext", value);
    };
    const reset = (): void => {
      input.valueAsNumber = own;
      say();
    };
    reset();
    input.addEventListener("input", () => {
      say();
      changed();
    });
    this.resets.push(reset);
    this.readers.push(() =>
      input.valueAsNumber === own
        ? undefined
        : [field, choices[input.valueAsNumber]?.value ?? null],
    );
    return [label(control, id), input, shown];
  }

  private list(control: Control, index: number, changed: () => void): HTMLElement[] {
    const { choices, field } = control;
    const own = choices.findIndex(({ value }) => value === control.value);
    const id = `control-${String(index)}`;
    const options = choices.map(({ value, writable }, at) =>
      h("option", { value: at }, spelled(value) + (writable ? "" : " (shown only)")),
    );
    const select = h("select", { id }, ...options);
    const reset = (): void => {
      select.selectedIndex = own;
    };
    reset();
    select.addEventListener("change", changed);
    this.resets.push(reset);
    this.readers.push(() =>
      select.selectedIndex === own
        ? undefined
        : [field, choices[select.selectedIndex]?.value ?? null],
    );
    return [label(control, id), select, h("span")];
  }

  private gpuRow(answer: EstimateAnswer, gpus: GpusAnswer, changed: () => void): HTMLElement[] {
    const now = answer.estimate?.gpu ?? null;
    const group = (
      title: string,
      found: readonly { name: string; spelling: string; usable_bytes: number }[],
    ) =>
      h(
        "optgroup",
        { label: title },
        ...found.map((gpu) =>
          h("option", { value: gpu.spelling }, `${gpu.name} (${gib(gpu.usable_bytes)} GiB)`),
        ),
      );
    const own = h(
      "option",
      { value: "" },
      now === null ? "none declared" : `${now.name} (as declared)`,
    );
    const select = h("select", { id: "control-gpu" }, own);
    if (gpus.installed.length > 0) select.append(group("this machine", gpus.installed));
    select.append(group("known GPUs", gpus.known));
    const counts = [...new Set([...COUNTS, gpus.count])].sort((one, other) => one - other);
    const number = h(
      "select",
      { "aria-label": "number of GPUs" },
      ...counts.map((count) => h("option", { value: count }, `× ${String(count)}`)),
    );
    const reset = (): void => {
      select.value = "";
      number.value = String(gpus.count);
    };
    reset();
    select.addEventListener("change", changed);
    number.addEventListener("change", changed);
    this.resets.push(reset);
    this.gpu = () => {
      const name = select.value === "" ? (now?.name.replaceAll(" ", "-") ?? "") : select.value;
      if (name === "" || (select.value === "" && number.value === String(gpus.count))) return null;
      return number.value === "1" ? name : `${name} x${number.value}`;
    };
    return [h("label", { for: "control-gpu" }, "GPU"), select, number];
  }
}

function label(control: Control, id: string): HTMLElement {
  const { title, label: key, range, effect } = control;
  const where = range === null ? null : h("code", {}, key);
  return h("span", { title: effect }, h("label", { for: id }, title), " ", where);
}

function spelled(value: FieldValue): string {
  return typeof value === "number" ? value.toLocaleString("en-US") : String(value);
}

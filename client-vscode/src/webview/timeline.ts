/** The picture: a column for each moment of the run, the components stacked, and the GPU's limit across. */

import type { Answer, Estimate } from "../estimates";
import { gib, gpuText } from "../format";
import { h, svg } from "./dom";
import { COMPONENTS, type Column, HEIGHT, layout, WIDTH } from "./layout";

/** The columns can be reached by Tab and the arrow keys; `chosen` is told which one is looked at. */
export function timeline(
  answer: Answer,
  estimate: Estimate,
  selected: string,
  chosen: (moment: string) => void,
): HTMLElement {
  const { columns, ticks, limit, left, right, base } = layout(estimate);
  const grid = ticks.flatMap(({ gib: amount, y }) => [
    svg("line", { class: "grid", x1: left, x2: right, y1: y, y2: y }),
    svg("text", { class: "tick", x: left - 6, y: y + 4, "text-anchor": "end" }, String(amount)),
  ]);
  const drawn = columns.map((column) => columnOf(answer, column, selected, base));
  const crossed =
    limit === undefined
      ? null
      : svg("line", { class: "limit", x1: left, x2: right, y1: limit, y2: limit });
  const picture = svg(
    "svg",
    {
      viewBox: `0 0 ${String(WIDTH)} ${String(HEIGHT)}`,
      role: "listbox",
      "aria-label": "memory per GPU at the moments of the run, in GiB",
      "aria-orientation": "horizontal",
    },
    ...grid,
    ...drawn,
    crossed,
  );
  const names = columns.map(({ moment }) => moment.name);
  drawn.forEach((group, index) => {
    const name = names[index] ?? "";
    group.addEventListener("click", () => {
      chosen(name);
    });
    group.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const next = step === undefined ? undefined : names[index + step];
      if (next === undefined) return;
      event.preventDefault();
      chosen(next);
    });
  });
  const { gpu } = estimate;
  const capacity =
    gpu === null
      ? null
      : h("p", { class: "limit-label" }, `╌╌ ${gpuText(gpu)}: ${gib(gpu.usable_bytes)} GiB usable`);
  return h("div", { class: "timeline" }, capacity, picture);
}

function columnOf(answer: Answer, column: Column, selected: string, base: number): SVGGElement {
  const { moment, x, width, top, figure, boxes, worst } = column;
  const middle = x + width / 2;
  const parts = COMPONENTS.filter((name) => (moment.components[name] ?? 0) > 0).map(
    (name) => `${answer.labels[name] ?? name} ${gib(moment.components[name] ?? 0)}`,
  );
  const total = `${gib(moment.device_bytes)} GiB`;
  const label = `${moment.name}${worst ? ", the worst moment" : ""}: ${total}; ${parts.join(", ")}`;
  const is = moment.name === selected;
  return svg(
    "g",
    {
      class: `column${worst ? " worst" : ""}${is ? " selected" : ""}`,
      role: "option",
      tabindex: is ? 0 : -1,
      "aria-selected": is ? "true" : "false",
      "aria-label": label,
      "data-moment": moment.name,
    },
    svg("title", {}, label),
    svg("rect", { class: "hit", x, y: 0, width, height: HEIGHT }),
    ...boxes.map((box) =>
      svg("rect", { class: `fill ${box.component}`, x, y: box.y, width, height: box.height }),
    ),
    svg(
      "text",
      { class: "total", x: middle, y: figure, "text-anchor": "middle" },
      gib(moment.device_bytes),
    ),
    svg("text", { class: "moment", x: middle, y: base + 17, "text-anchor": "middle" }, moment.name),
    svg("rect", {
      class: "outline",
      x: x - 1,
      y: top - 1,
      width: width + 2,
      height: base - top + 2,
    }),
  );
}

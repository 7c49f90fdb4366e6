/** What the picture shows, as tables: the components at a moment, the largest tensors, the assumptions. */

import type { Answer, Estimate, EstimateAnswer } from "../estimates";
import { gib } from "../format";
import { h, svg } from "./dom";
import { COMPONENTS } from "./layout";

const BAR = 200;

/** The components of one moment, each with a bar. */
export function bars(answer: Answer, estimate: Estimate, selected: string): HTMLElement {
  const moment = estimate.moments.find(({ name }) => name === selected);
  const parts = moment?.components ?? estimate.components;
  const most = Math.max(1, ...Object.values(parts));
  const rows = COMPONENTS.filter((name) => name in parts).map((name) => {
    const size = parts[name] ?? 0;
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, swatch(name), answer.labels[name] ?? name),
      h("td", { class: "bar" }, bar(name, size / most)),
      h("td", { class: "number" }, gib(size)),
    );
  });
  const total = moment?.device_bytes ?? estimate.device_bytes;
  return h(
    "table",
    { class: "bars" },
    h("caption", {}, `${selected}: ${gib(total)} GiB per GPU`),
    h("thead", {}, head("component", "", "GiB")),
    h("tbody", {}, ...rows),
  );
}

/** Whether a tensor is more than nothing in the figures of the table. */
function shows(tensor: { readonly bytes: number }): boolean {
  return Number(gib(tensor.bytes)) !== 0;
}

/** The largest tensors, each with a button that jumps to the key that decides most of its kind. */
export function tensors(
  answer: EstimateAnswer,
  estimate: Estimate,
  jump: (component: string) => void,
): HTMLElement {
  const largest = estimate.largest_at_peak.filter(shows);
  const rows = (largest.length > 0 ? largest : estimate.largest_at_peak).map((tensor) => {
    const place = answer.places[tensor.component];
    const button =
      place?.range == null ? null : h("button", { class: "link", type: "button" }, place.key);
    button?.setAttribute("aria-label", `go to ${place?.key ?? ""}`);
    button?.addEventListener("click", () => {
      jump(tensor.component);
    });
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, swatch(tensor.component), tensor.name),
      h("td", {}, tensor.shape.map((side) => side.toLocaleString("en-US")).join(" × ")),
      h("td", {}, tensor.dtype),
      h("td", { class: "number" }, tensor.count.toLocaleString("en-US")),
      h("td", { class: "number" }, gib(tensor.bytes)),
      h("td", {}, button),
    );
  });
  return h(
    "table",
    { class: "tensors" },
    h("caption", {}, "largest tensors at the worst moment"),
    h("thead", {}, head("tensor", "shape", "dtype", "count", "GiB", "decided by")),
    h("tbody", {}, ...rows),
  );
}

/** What the file does not say and was assumed, folded away. */
export function assumed(estimate: Estimate): HTMLElement {
  const rows = estimate.assumptions.map(({ field, value, origin }) =>
    h("tr", {}, h("th", { scope: "row" }, field), h("td", {}, plain(value)), h("td", {}, origin)),
  );
  return h(
    "details",
    {},
    h("summary", {}, `what was assumed (${String(rows.length)})`),
    h("table", {}, h("thead", {}, head("field", "value", "why")), h("tbody", {}, ...rows)),
    ...(estimate.notes.length > 0
      ? [h("ul", {}, ...estimate.notes.map((note) => h("li", {}, note)))]
      : []),
  );
}

function head(...names: string[]): HTMLElement {
  const numbers = ["GiB", "count"];
  const cells = names.map((name) =>
    h("th", { scope: "col", class: numbers.includes(name) ? "number" : undefined }, name),
  );
  return h("tr", {}, ...cells);
}

function swatch(component: string): SVGElement {
  return svg(
    "svg",
    { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" },
    svg("rect", { class: `fill ${component}`, width: 10, height: 10 }),
  );
}

function bar(component: string, share: number): SVGElement {
  return svg(
    "svg",
    { viewBox: `0 0 ${String(BAR)} 10`, preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: `fill ${component}`, width: BAR * share, height: 10 }),
  );
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

// The page: what is typed and picked goes to the engine, what it says is shown.
import { EngineClient } from "./client";
import { Editor } from "./editor";
import type { Analysis, Finding, Message, Run } from "./protocol";
import { packed, type Shared, unpacked } from "./share";

interface Example {
  title: string;
  name: string;
  text: string;
}

/** Milliseconds without a key press before the text is analysed. */
const PAUSE = 120;

const $ = <E extends HTMLElement>(id: string) => document.getElementById(id) as E;
const status = $("status");
const verdict = $("verdict");
const findings = $<HTMLUListElement>("findings");
const report = $("report");
const kind = $<HTMLSelectElement>("kind");
const gpu = $<HTMLInputElement>("gpu");
const count = $<HTMLSelectElement>("count");
const examples = $<HTMLSelectElement>("example");

const base = new URL(".", document.baseURI).href;
const engine = new EngineClient(base, loading);
const editor = new Editor($("editor"), { changed, hover });
const shadow = report.attachShadow({ mode: "open" });

let timer: ReturnType<typeof setTimeout> | undefined;
/** Counts the changes: an answer to an older text is not shown. */
let version = 0;
let analysed = -1;
/** The text of report.css. */
let reportStyle = "";

function element(name: string, text: string, classes = ""): HTMLElement {
  const made = document.createElement(name);
  made.textContent = text;
  if (classes) made.className = classes;
  return made;
}

function loading(message: Exclude<Message, { kind: "answer" }>): void {
  if (message.kind === "loading") {
    const mega = (bytes: number) => (bytes / 1e6).toFixed(1);
    status.textContent = `loading the engine: ${mega(message.loaded)} of ${mega(message.total)} MB`;
  } else if (message.kind === "failed") {
    status.textContent = `the engine could not be loaded: ${message.reason}`;
  } else {
    status.textContent = "the engine is loaded";
  }
}

function changed(): void {
  version++;
  clearTimeout(timer);
  timer = setTimeout(() => void analyse(), PAUSE);
}

/** The picked GPUs as vramlint reads them; empty: as the file says. */
const picked = () => (gpu.value.trim() ? `${gpu.value.trim()} x${count.value}` : "");

async function analyse(): Promise<void> {
  const asked = version;
  try {
    const { value, milliseconds } = await engine.call("analyse", editor.text, kind.value, picked());
    if (asked !== version) return;
    analysed = asked;
    show(value);
    status.textContent = `worked out in ${Math.max(1, Math.round(milliseconds))} ms, in this page`;
    document.body.dataset["milliseconds"] = String(milliseconds);
  } catch (error) {
    status.textContent = String(error);
  }
}

async function hover(line: number, character: number): Promise<string | null> {
  if (analysed !== version) return null;
  return (await engine.call("hover", line, character)).value;
}

function show(analysis: Analysis): void {
  const [first] = analysis.runs;
  verdict.className = `verdict ${first?.verdict ?? "none"}`;
  verdict.textContent = first ? first.headline : (analysis.problem ?? "");
  editor.mark(analysis.findings);
  findings.replaceChildren(...analysis.findings.map(finding));
  $("found").hidden = analysis.findings.length === 0;
  draw(analysis.runs);
}

function finding(each: Finding, number: number): HTMLLIElement {
  const item = document.createElement("li");
  item.className = each.severity;
  const link = document.createElement("a");
  link.href = `../rules/${each.code}-${each.name}/`.toLowerCase();
  link.textContent = each.code;
  const place = element("button", each.message, "message");
  place.addEventListener("click", () => editor.goTo(each.from));
  const ask = element("button", "fixes", "ask");
  ask.addEventListener("click", () => void offer(item, ask, number));
  item.append(link, place, ask);
  return item;
}

/** Search for the fixes of a finding, and offer them. */
async function offer(item: HTMLElement, ask: HTMLElement, number: number): Promise<void> {
  const asked = version;
  ask.textContent = "searching …";
  const { value } = await engine.call("fixes", number);
  if (asked !== version) return;
  const offers = value.map((fix) => {
    const button = element("button", fix.title, "fix");
    button.addEventListener("click", () => editor.apply(fix));
    return button;
  });
  ask.replaceWith(...(offers.length ? offers : [element("span", "no fix is known", "faint")]));
  item.querySelector("button.fix")?.scrollIntoView({ block: "nearest" });
}

/** The reports of the engine. Their style sheets are adopted, since the policy allows none in the page. */
function draw(runs: Run[]): void {
  const written: string[] = [];
  const html = runs.map((run) => run.html).join("");
  const plain = html.replace(/<style>(.*?)<\/style>/gs, (_, rules: string) => {
    written.push(rules);
    return "";
  });
  const parsed = new DOMParser().parseFromString(plain, "text/html");
  shadow.adoptedStyleSheets = [reportStyle, ...written].map((text) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    return sheet;
  });
  shadow.replaceChildren(...parsed.body.childNodes);
}

function open(state: Shared): void {
  if (![...kind.options].some((option) => option.value === state.name)) state.name = "train.yaml";
  kind.value = state.name;
  gpu.value = state.gpu;
  count.value = String(state.count);
  editor.open(state.text, extension());
  changed();
}

const extension = () => kind.value.slice(kind.value.lastIndexOf(".") + 1);

async function share(): Promise<void> {
  const state = { text: editor.text, name: kind.value, gpu: gpu.value, count: Number(count.value) };
  history.replaceState(null, "", `#${await packed(state)}`);
  try {
    await navigator.clipboard.writeText(location.href);
    status.textContent =
      "the link is in the clipboard; it holds the config itself, and nobody is sent it";
  } catch {
    status.textContent = "the link is in the address bar; it holds the config itself";
  }
}

async function start(): Promise<void> {
  reportStyle = await (await fetch(`${base}report.css`)).text();
  const known = (await (await fetch(`${base}examples.json`)).json()) as Example[];
  examples.append(...known.map((each, number) => new Option(each.title, String(number))));
  const fromExample = (number: number) => {
    const { name, text } = known[number]!;
    open({ text, name, gpu: "", count: 1 });
  };
  examples.addEventListener("change", () => fromExample(Number(examples.value)));
  kind.addEventListener("change", () => {
    editor.open(editor.text, extension());
    changed();
  });
  gpu.addEventListener("input", changed);
  count.addEventListener("change", changed);
  $("share").addEventListener("click", () => void share());
  addEventListener("hashchange", () => void fromFragment());
  if (!(await fromFragment())) fromExample(0);
  const { value } = await engine.call("gpus");
  $("gpus").append(...value.map((name) => new Option(name, name)));
  await engine.call("warm");
  document.body.dataset["ready"] = "true";
}

async function fromFragment(): Promise<boolean> {
  const state = await unpacked(location.hash.slice(1));
  if (state) open(state);
  return state !== null;
}

void start();

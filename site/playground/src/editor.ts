// The editor: CodeMirror in a shadow root, so that its style sheets need no exception in the page's policy.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { python } from "@codemirror/lang-python";
import { yaml } from "@codemirror/lang-yaml";
import {
  bracketMatching,
  HighlightStyle,
  StreamLanguage,
  syntaxHighlighting,
} from "@codemirror/language";
import { shell } from "@codemirror/legacy-modes/mode/shell";
import { toml } from "@codemirror/legacy-modes/mode/toml";
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  hoverTooltip,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { rendered } from "./markdown";
import type { Finding, Fix } from "./protocol";

const LANGUAGES: Record<string, () => Extension> = {
  yaml,
  json,
  toml: () => StreamLanguage.define(toml),
  sh: () => StreamLanguage.define(shell),
  py: python,
};

const HIGHLIGHT = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--key)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--number)" },
  { tag: [tags.keyword, tags.operatorKeyword, tags.standard(tags.name)], color: "var(--keyword)" },
  { tag: [tags.comment, tags.meta], color: "var(--faint)" },
]);

const THEME = EditorView.theme({
  "&": { height: "100%", fontSize: "14px", color: "var(--ink)", backgroundColor: "var(--paper)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "ui-monospace, 'DejaVu Sans Mono', monospace", lineHeight: "1.5" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--paper)", color: "var(--faint)", border: "none" },
  ".cm-activeLine": { backgroundColor: "var(--line)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground":
    { backgroundColor: "var(--selection)" },
  ".cm-tooltip": {
    maxWidth: "min(36rem, 90vw)",
    color: "var(--ink)",
    backgroundColor: "var(--raised)",
    border: "1px solid var(--border)",
    borderRadius: "6px",
    boxShadow: "0 4px 16px #0003",
  },
  ".cm-tooltip-hover": { maxHeight: "24rem", overflow: "auto" },
  ".cm-diagnostic": { padding: "6px 10px", whiteSpace: "pre-wrap" },
  ".cm-explained": { padding: "2px 10px", fontFamily: "system-ui, sans-serif", fontSize: "13px" },
  ".cm-explained p": { margin: "6px 0", whiteSpace: "pre-wrap" },
  ".cm-explained code": { fontFamily: "ui-monospace, 'DejaVu Sans Mono', monospace" },
  ".cm-explained td": { padding: "1px 10px 1px 0", verticalAlign: "top" },
  ".cm-diagnosticAction": {
    color: "var(--on-accent)",
    backgroundColor: "var(--accent)",
    borderRadius: "4px",
    cursor: "pointer",
  },
});

export interface Wanted {
  changed: () => void;
  hover: (line: number, character: number) => Promise<string | null>;
}

export class Editor {
  private readonly view: EditorView;
  private readonly language = new Compartment();

  constructor(host: HTMLElement, wanted: Wanted) {
    const root = host.attachShadow({ mode: "open" });
    const parent = document.createElement("div");
    parent.className = "editor";
    root.append(parent);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(".editor { height: 100%; }");
    this.view = new EditorView({ root, parent, state: this.fresh("", wanted) });
    root.adoptedStyleSheets.push(sheet);
  }

  private fresh(text: string, wanted: Wanted): EditorState {
    return EditorState.create({
      doc: text,
      extensions: [
        lineNumbers(),
        lintGutter(),
        history(),
        drawSelection(),
        highlightActiveLine(),
        bracketMatching(),
        syntaxHighlighting(HIGHLIGHT),
        THEME,
        EditorView.contentAttributes.of({ "aria-label": "Training config", tabindex: "0" }),
        this.language.of([]),
        // Tab leaves the editor, as keyboard users expect of a page.
        keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, ...lintKeymap]),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) wanted.changed();
        }),
        hoverTooltip(
          async (view, position) => {
            const line = view.state.doc.lineAt(position);
            const said = await wanted.hover(line.number - 1, position - line.from);
            if (said === null) return null;
            return {
              pos: line.from,
              create: () => {
                const dom = rendered(said);
                dom.className = "cm-explained";
                return { dom };
              },
            };
          },
          { hoverTime: 250 },
        ),
      ],
    });
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  /** Show another text. */
  open(text: string, extension: string): void {
    const make = LANGUAGES[extension] ?? yaml;
    this.view.dispatch({
      changes: { from: 0, to: this.view.state.doc.length, insert: text },
      effects: this.language.reconfigure(make()),
    });
    this.view.scrollDOM.scrollTop = 0;
  }

  /** Underline what was found. */
  mark(findings: Finding[]): void {
    const end = this.view.state.doc.length;
    const diagnostics = findings.map((finding): Diagnostic => {
      const from = Math.min(finding.from, end);
      return {
        from,
        to: Math.min(Math.max(finding.to, from), end),
        severity: finding.severity === "information" ? "info" : finding.severity,
        source: finding.code,
        message: finding.message,
      };
    });
    this.view.dispatch(setDiagnostics(this.view.state, diagnostics));
  }

  /** Put the cursor somewhere. */
  goTo(position: number): void {
    const anchor = Math.min(position, this.view.state.doc.length);
    this.view.dispatch({ selection: { anchor }, scrollIntoView: true });
    this.view.focus();
  }

  /** Make the edits of a fix, as one change that can be undone. */
  apply(fix: Fix): void {
    this.view.dispatch({ changes: fix.edits });
  }
}

/** The documents that the server is shown. It decides by their content whether they are configs. */

import * as vscode from "vscode";

export const LANGUAGES = ["yaml", "json", "jsonc", "toml", "shellscript", "makefile", "python"];
export const NOTEBOOK = "jupyter-notebook";

const FILES = LANGUAGES.flatMap((language) => [
  { scheme: "file", language },
  { scheme: "untitled", language },
]);

/** In the words of the protocol: files, and the Python cells of notebooks. */
export const SELECTOR = [...FILES, { notebook: NOTEBOOK, language: "python" }];

/** The same in the editor's words. */
export const SHOWN = [...FILES, { notebookType: NOTEBOOK, language: "python" }];

/** The document a command is about: the active editor's, else one that can be seen. */
export function documentInView(): vscode.Uri | undefined {
  const { activeTextEditor, visibleTextEditors } = vscode.window;
  return [activeTextEditor, ...visibleTextEditors].find(
    (editor) => editor !== undefined && vscode.languages.match(SHOWN, editor.document) > 0,
  )?.document.uri;
}

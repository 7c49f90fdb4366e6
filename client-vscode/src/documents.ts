/** The documents that the server is shown. It decides by their content whether they are configs. */

import * as vscode from "vscode";

export const LANGUAGES = ["yaml", "json", "jsonc", "toml", "shellscript", "makefile"];

export const SELECTOR = LANGUAGES.flatMap((language) => [
  { scheme: "file", language },
  { scheme: "untitled", language },
]);

/** The document a command is about: the active editor's, else one that can be seen. */
export function documentInView(): vscode.Uri | undefined {
  const { activeTextEditor, visibleTextEditors } = vscode.window;
  return [activeTextEditor, ...visibleTextEditors].find(
    (editor) => editor !== undefined && vscode.languages.match(SELECTOR, editor.document) > 0,
  )?.document.uri;
}

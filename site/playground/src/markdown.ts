// The Markdown of hovers as elements: paragraphs, tables, strong, emphasis, code, and links as their text.

const PIECE =
  /\\([!-/:-@[-`{-~])|\*\*(.+?)\*\*|`([^`]+)`|\[([^\]]+)\]\([^)]*\)|(?<!\w)_(.+?)_(?!\w)/gs;

/** The elements of a text. */
export function rendered(markdown: string): HTMLElement {
  const root = document.createElement("div");
  for (const block of markdown.split(/\n{2,}/)) {
    const lines = block.split("\n");
    if (lines[0]?.startsWith("|")) root.append(table(lines));
    else if (lines[0]?.startsWith("```"))
      root.append(element("pre", lines.slice(1, -1).join("\n")));
    else root.append(paragraph(block));
  }
  return root;
}

function element(name: string, text: string): HTMLElement {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function paragraph(text: string): HTMLElement {
  const made = document.createElement("p");
  inline(made, text);
  return made;
}

function inline(parent: HTMLElement, text: string): void {
  let end = 0;
  for (const found of text.matchAll(PIECE)) {
    const [all, escaped, strong, code, link, emphasis] = found;
    parent.append(text.slice(end, found.index));
    end = found.index + all.length;
    if (code !== undefined) parent.append(element("code", code));
    else if (escaped ?? link) parent.append(escaped ?? link ?? "");
    else {
      const inner = document.createElement(strong === undefined ? "em" : "strong");
      inline(inner, strong ?? emphasis ?? "");
      parent.append(inner);
    }
  }
  parent.append(text.slice(end));
}

function table(lines: string[]): HTMLElement {
  const made = document.createElement("table");
  for (const line of lines) {
    if (/^[|:\s-]+$/.test(line)) continue;
    const row = document.createElement("tr");
    for (const cell of line.replace(/^\||\|$/g, "").split(/(?<!\\)\|/)) {
      const data = document.createElement("td");
      inline(data, cell.trim());
      row.append(data);
    }
    made.append(row);
  }
  return made;
}

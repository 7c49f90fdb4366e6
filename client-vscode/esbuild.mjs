// One CommonJS file, as the extension host loads it; only `vscode` stays outside. The licences of
// the packages that end up inside it are written beside it.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const shared = { bundle: true, minify: true, logLevel: "warning" };

// The panel's page: a script and a style sheet of our own, nothing else.
await build({
  ...shared,
  entryPoints: { panel: "src/webview/page.ts" },
  outdir: "dist",
  platform: "browser",
  target: "es2022",
  format: "iife",
});
await build({ ...shared, entryPoints: ["src/webview/panel.css"], outfile: "dist/panel.css" });

const { metafile } = await build({
  ...shared,
  entryPoints: ["src/extension.ts"],
  outfile: "dist/extension.js",
  metafile: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  external: ["vscode"],
});

const packageFolder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/;
const folders = new Set(
  Object.keys(metafile.inputs).flatMap((input) => input.match(packageFolder)?.[0] ?? []),
);
const notices = [...folders].sort().map((folder) => {
  const { name, version } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const licence = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  if (licence === undefined) throw new Error(`${name} comes without a licence file`);
  return `${name} ${version}\n\n${readFileSync(`${folder}/${licence}`, "utf8").trim()}\n`;
});
writeFileSync("dist/LICENSES.txt", notices.join(`\n${"-".repeat(80)}\n\n`));

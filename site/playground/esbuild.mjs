// The page's and the worker's scripts, one file each, and the licences of what is inside them.
//
//   node esbuild.mjs OUT
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const out = process.argv[2];
const { metafile } = await build({
  bundle: true,
  minify: true,
  logLevel: "warning",
  entryPoints: ["src/page.ts", "src/worker.ts"],
  outdir: out,
  metafile: true,
  platform: "browser",
  target: "es2023",
  format: "esm",
  // Pyodide asks for these in Node alone.
  external: ["node:*", "ws"],
});

const packageFolder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/;
const folders = new Set(
  Object.keys(metafile.inputs).flatMap((input) => input.match(packageFolder)?.[0] ?? []),
);
const notices = [...folders].sort().map((folder) => {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  const text = file ? readFileSync(`${folder}/${file}`, "utf8").trim() : `License: ${license}`;
  return `${name} ${version}\n\n${text}\n`;
});
writeFileSync(`${out}/licenses.txt`, notices.join(`\n${"-".repeat(80)}\n\n`));

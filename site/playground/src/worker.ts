// Python in a web worker: loads Pyodide and vramlint from this folder, and answers the page.
//
// The page starts it from a blob, so that it is under the page's content security policy: it can fetch
// nothing that this site does not serve.
import { loadPyodide } from "pyodide";
import type { Call, Message } from "./protocol";

declare const self: DedicatedWorkerGlobalScope;

/** Where this script and its files are. */
const base = new URL(".", import.meta.url).href;

/** Bytes by name of the files that are fetched with progress, as they are served. */
type Sizes = Record<string, number>;

const say = (message: Message) => self.postMessage(message);

/** Fetch a file, telling the page how far it is. Files that end in `.z` come compressed. */
function fetcher(sizes: Sizes) {
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  let loaded = 0;
  return async (name: string): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> => {
    const response = await plainFetch(new URL(name, base));
    if (!response.ok || !response.body) throw new Error(`${name}: ${response.status}`);
    const counted = response.body.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(chunk, controller) {
          loaded += chunk.length;
          say({ kind: "loading", loaded, total });
          controller.enqueue(chunk);
        },
      }),
    );
    return name.endsWith(".z") ? counted.pipeThrough(new DecompressionStream("gzip")) : counted;
  };
}

const plainFetch = self.fetch.bind(self);

async function load() {
  const sizes = (await (await plainFetch(new URL("sizes.json", base))).json()) as Sizes;
  const get = fetcher(sizes);
  // Pyodide asks for its files by name; the largest is served compressed, whatever the web server can do.
  self.fetch = async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const name = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
    const served = [`${name}.z`, name].find((each) => each in sizes);
    if (served === undefined) return plainFetch(input, init);
    const type = name.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
    return new Response(await get(served), { headers: { "Content-Type": type } });
  };
  const [python, archive] = await Promise.all([
    loadPyodide({
      indexURL: base,
      lockFileContents: (await plainFetch(new URL("pyodide-lock.json", base))).text(),
      stdLibURL: new URL("python_stdlib.zip", base).href,
    }),
    get("vramlint.zip").then((stream) => new Response(stream).arrayBuffer()),
  ]);
  python.unpackArchive(archive, "zip", { extractDir: "/vramlint" });
  python.FS.mkdirTree("/playground");
  return python.runPython(`
import sys
sys.path[:0] = [f"/vramlint/{folder}" for folder in ("libs", "substitutes/pyyaml", "substitutes/rpds")]
from engine import Playground
Playground()
`) as Record<string, (...parameters: unknown[]) => string>;
}

const engine = load();
engine.then(
  () => say({ kind: "ready" }),
  (error: unknown) => say({ kind: "failed", reason: String(error) }),
);

self.onmessage = async ({ data }: MessageEvent<Call>) => {
  const playground = await engine;
  const started = performance.now();
  const done = () => performance.now() - started;
  try {
    const text = playground[data.method]!(...data.arguments);
    say({ kind: "answer", id: data.id, answer: JSON.parse(text), milliseconds: done() });
  } catch (error) {
    say({ kind: "answer", id: data.id, error: String(error), milliseconds: done() });
  }
};

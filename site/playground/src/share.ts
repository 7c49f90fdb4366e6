// A playground in the fragment of its address, which browsers do not send to any server.

export interface Shared {
  text: string;
  name: string;
  gpu: string;
  count: number;
}

async function through(bytes: Uint8Array<ArrayBuffer>, stream: GenericTransformStream) {
  const piped = new Blob([bytes]).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(piped).arrayBuffer());
}

/** The state as a fragment, compressed. */
export async function packed(state: Shared): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(state));
  const small = await through(bytes, new CompressionStream("deflate-raw"));
  const binary = Array.from(small, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The state of a fragment; null if it holds none. */
export async function unpacked(fragment: string): Promise<Shared | null> {
  try {
    const binary = atob(fragment.replaceAll("-", "+").replaceAll("_", "/"));
    const small = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const bytes = await through(small, new DecompressionStream("deflate-raw"));
    const state = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Shared>;
    if (typeof state.text !== "string") return null;
    return {
      text: state.text,
      name: typeof state.name === "string" ? state.name : "train.yaml",
      gpu: typeof state.gpu === "string" ? state.gpu : "",
      count: Number.isInteger(state.count) ? (state.count as number) : 1,
    };
  } catch {
    return null;
  }
}

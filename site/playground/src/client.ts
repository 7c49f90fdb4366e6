// The worker as the page sees it: methods that answer later.
import type { Call, Engine, Message, Method } from "./protocol";

export interface Answer<T> {
  value: T;
  milliseconds: number;
}

export class EngineClient {
  private readonly waiting = new Map<
    number,
    { resolve: (answer: Answer<never>) => void; reject: (reason: Error) => void }
  >();
  private readonly worker: Worker;
  private last = 0;

  constructor(
    base: string,
    private readonly heard: (message: Exclude<Message, { kind: "answer" }>) => void,
  ) {
    const script = `import ${JSON.stringify(`${base}worker.js`)};`;
    const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    this.worker = new Worker(url, { type: "module" });
    this.worker.onmessage = ({ data }: MessageEvent<Message>) => this.receive(data);
    this.worker.onerror = (event) =>
      heard({ kind: "failed", reason: event.message || "the worker did not start" });
  }

  /** Call a method of the engine, once it has loaded. */
  call<M extends Method>(
    method: M,
    ...parameters: Engine[M]["arguments"]
  ): Promise<Answer<Engine[M]["answer"]>> {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, method, arguments: parameters } satisfies Call);
    });
  }

  private receive(message: Message): void {
    if (message.kind !== "answer") return this.heard(message);
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.error === undefined) {
      waiting?.resolve({ value: message.answer as never, milliseconds: message.milliseconds });
    } else {
      waiting?.reject(new Error(message.error));
    }
  }
}

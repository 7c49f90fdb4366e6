import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { elsewhere, findMaker, make, privatePython } from "../src/environment";

const nowhere = (): readonly string[] => [];
const never = new AbortController().signal;

describe("Pythons that are not plain `python3` on the PATH", () => {
  test("by their version, the newest first", () => {
    const commands = elsewhere("/home/x", "linux", nowhere).map(({ command }) => command);
    expect(commands[0]).toBe("python3.15");
    expect(commands.at(-1)).toBe("python3.10");
  });

  test("of pyenv, the newest first, and of installers", () => {
    const found: Record<string, string[]> = {
      [join("/home/x", ".pyenv", "versions")]: ["3.9.1", "3.12.1", "3.12.10", "mine"],
      "/opt/homebrew/bin": ["python3"],
    };
    const commands = elsewhere("/home/x", "darwin", (folder) => found[folder] ?? []).map(
      ({ command }) => command,
    );
    expect(commands.filter((command) => command.includes("pyenv"))).toEqual(
      ["3.12.10", "3.12.1", "3.9.1"].map((version) =>
        join("/home/x", ".pyenv", "versions", version, "bin", "python"),
      ),
    );
    expect(commands.at(-1)).toBe(join("/opt/homebrew/bin", "python3"));
  });
});

describe("a private Python", () => {
  test("is made by uv, else by conda", async () => {
    const uv = await findMaker("/store/python", () => Promise.resolve(true));
    expect(uv).toEqual({
      program: "uv",
      args: ["venv", "--no-project", "--python", "3.12", "/store/python"],
    });
    const conda = await findMaker("/store/python", (program) =>
      Promise.resolve(program === "conda"),
    );
    expect(conda?.program).toBe("conda");
    expect(conda?.args).toContain("/store/python");
    expect(await findMaker("/store/python", () => Promise.resolve(false))).toBeUndefined();
  });

  test("says why it could not be made, and can be abandoned", async () => {
    const failing = {
      program: "sh",
      args: ["-c", "echo first >&2; echo no space left >&2; exit 1"],
    };
    await expect(make(failing, never)).rejects.toThrow("no space left");
    await expect(make({ program: "true", args: [] }, never)).resolves.toBeUndefined();
    const abandoned = new AbortController();
    const waiting = make({ program: "sleep", args: ["60"] }, abandoned.signal);
    abandoned.abort();
    await expect(waiting).rejects.toThrow();
  });

  test("lies where venv puts it", () => {
    const commands = (platform: NodeJS.Platform): string[] =>
      privatePython("/s", platform).map(({ command }) => command);
    expect(commands("linux")).toEqual([join("/s", "bin", "python")]);
    expect(commands("win32")).toContain(join("/s", "Scripts", "python.exe"));
  });
});

/** Text of a config, or a file's name, where the editor shows it. Nothing here knows of VS Code. */

const SPEAKS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** Every character that would move a cursor, break a line or reorder text is written as its escape. */
export function visible(text: string): string {
  return text.replace(
    SPEAKS,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The same for a notification, in which VS Code makes links of `[text](target)`, commands included. */
export function notice(text: string): string {
  return visible(text).replaceAll("](", "] (");
}

/** Colour for people: only on a terminal, and never when NO_COLOR is set. */

const isOn = Boolean(process.stdout.isTTY) && !process.env['NO_COLOR'];
const code = (open: number) => (text: string) => (isOn ? `\u001b[${open}m${text}\u001b[0m` : text);

export const paint = {
  dim: code(2),
  bold: code(1),
  green: code(32),
  red: code(31),
  yellow: code(33),
  cyan: code(36),
  /** By the status that the text speaks of. */
  status(text: string): string {
    if (/\bFailed\b|\bStopped\b/.test(text)) return paint.red(text);
    if (/\bSucceeded\b/.test(text)) return paint.green(text);
    if (/\bwaits\b/.test(text)) return paint.yellow(text);
    return text;
  },
};

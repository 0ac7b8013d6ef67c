/**
 * Replaces secrets in text that is about to leave, also where a program has dressed them up: in base64 of any
 * alignment, in a URL, in JSON, in quotes of a shell, in HTML. Of a secret of several lines each line counts. A stream
 * is given piece by piece; what may be the beginning of a secret waits for the next piece. Not seen through: secrets
 * that were encrypted, compressed, turned around, or written with something between their characters.
 */

export interface Redactor {
  /** The whole text as it may leave. */
  redact(text: string): string;
  /** A stream of its own: what of it may leave after each piece, and the rest at its end. */
  stream(): { take(piece: string): string; end(): string };
  /** A place not after `position` where the text can be cut without cutting a secret in two. */
  cut(text: string, position: number): number;
}

export const MASK = '***';
/** Shorter values are words of every text, and replacing them would only tell where they are. */
export const SECRET_LENGTH_MIN = 4;
/** Parts of a coded secret that are shorter than this are as likely chance. */
const CODED_LENGTH_MIN = 6;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

export function createRedactor(secrets: readonly string[]): Redactor {
  const forms = [...new Set(secrets.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  const longest = forms[0]?.length ?? 0;
  const pattern = forms.length > 0 ? new RegExp(forms.map(escapePattern).join('|'), 'g') : undefined;
  const heads = new Map<string, string[]>();
  for (const form of forms) heads.set(form[0]!, [...(heads.get(form[0]!) ?? []), form]);

  const redact = (text: string) => (pattern ? text.replace(pattern, MASK) : text);
  /** Where the first form begins that the text ends in the middle of; its length when there is none. */
  const unfinishedAt = (text: string) => {
    for (let i = Math.max(0, text.length - longest + 1); i < text.length; i++) {
      const rest = text.slice(i);
      if (heads.get(text[i]!)?.some((form) => form.length > rest.length && form.startsWith(rest))) return i;
    }
    return text.length;
  };

  return {
    redact,
    stream() {
      let held = '';
      return {
        take(piece) {
          held += piece;
          let from = 0;
          let out = '';
          let until = unfinishedAt(held);
          for (const match of pattern ? held.matchAll(pattern) : []) {
            // From where a longer form may begin, nothing is decided yet.
            if (match.index >= until) break;
            out += held.slice(from, match.index) + MASK;
            from = match.index + match[0].length;
            until = Math.max(until, from);
          }
          out += held.slice(from, until);
          held = held.slice(until);
          return out;
        },
        end() {
          const rest = redact(held);
          held = '';
          return rest;
        },
      };
    },
    cut(text, position) {
      const start = Math.max(0, position - 2 * longest);
      const window = text.slice(start, position + longest);
      for (const match of pattern ? window.matchAll(pattern) : []) {
        const at = start + match.index;
        if (at < position && at + match[0].length > position && at > 0) return at;
      }
      return position;
    },
  };
}

/** Every text by which a secret may be seen. */
function formsOf(secret: string): string[] {
  const lines = secret.split(/\r?\n/).map((line) => line.trim());
  const texts = [secret, ...(lines.length > 1 ? lines : [])].filter(
    (text) => text.length >= SECRET_LENGTH_MIN,
  );
  return texts.flatMap((text) => [text, ...escapedForms(text), ...codedForms(text)]);
}

function escapedForms(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const url = [...new TextEncoder().encode(text)];
  const percent = (unreserved: RegExp, space: string) =>
    url
      .map((byte) => {
        const character = String.fromCharCode(byte);
        if (character === ' ' && space) return space;
        return unreserved.test(character)
          ? character
          : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
      })
      .join('');
  const percents = [/[\w.~-]/, /[\w.~!*'()-]/, /[\w.~/-]/, /[\w.~!*'();:@&=+$,/?#[\]-]/].flatMap(
    (unreserved) => [percent(unreserved, ''), percent(unreserved, '+')],
  );
  const ascii = json.replace(/[^\x20-\x7e]/g, (character) => `\\u${hex(character, 4)}`);
  return [
    ...[json, json.replaceAll('/', '\\/'), ascii],
    ...percents,
    ...percents.map((each) => each.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())),
    // 'it'\''s', 'it'"'"'s', it\'s, "a\"b\$c", $'a\nb'
    text.replaceAll("'", `'\\''`),
    text.replaceAll("'", `'"'"'`),
    text.replace(/[^\w@%+=:,./\n-]/g, (character) => `\\${character}`),
    text.replace(/["$`\\]/g, (character) => `\\${character}`),
    text.replace(/["$`\\!]/g, (character) => `\\${character}`),
    text.replace(/[\\'\n\t\r]/g, (character) => CONTROLS[character] ?? `\\${character}`),
    text.replace(/[&<>]/g, (character) => ENTITIES[character]!),
    text.replace(/[&<>"']/g, (character) => ENTITIES[character]!),
    // A backslash twice: JSON within JSON, or a shell's word within quotes.
    JSON.stringify(json).slice(1, -1),
  ].filter((form) => form.length >= SECRET_LENGTH_MIN);
}

const CONTROLS: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r' };
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * In base64 a text looks different at each of three places within a group; at its edges it shares a character with
 * its neighbours, which is left out unless nothing follows. And the text in hexadecimal.
 */
function codedForms(text: string): string[] {
  const bytes = [...new TextEncoder().encode(text)];
  const forms = [0, 1, 2].flatMap((offset) => {
    const code = base64([...new Array<number>(offset).fill(0), ...bytes]);
    const length = offset + bytes.length;
    const start = [0, 2, 3][offset];
    const whole = code.slice(start, Math.floor((length * 8) / 6));
    if (length % 3 === 0) return [whole];
    // At the end of the text the last character is the secret's alone.
    const last = code.slice(start, Math.ceil((length * 8) / 6));
    return [whole, last, last.padEnd(last.length + 3 - (length % 3), '=')];
  });
  const digits = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return [
    ...forms,
    ...forms.map((form) => form.replaceAll('+', '-').replaceAll('/', '_')),
    digits,
    digits.toUpperCase(),
  ].filter((form) => form.length >= CODED_LENGTH_MIN);
}

function base64(bytes: readonly number[]): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    for (const shift of [18, 12, 6, 0]) text += ALPHABET[(group >> shift) & 63];
  }
  return text;
}

function hex(character: string, length: number): string {
  return character.charCodeAt(0).toString(16).padStart(length, '0');
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

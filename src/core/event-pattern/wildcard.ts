/**
 * Texts with `*` for any characters. The pieces between the stars are found one after the other, each at its earliest
 * place, with the tables of Knuth, Morris and Pratt: time is pattern plus text, however hostile both are.
 */

export interface Wildcard {
  readonly pieces: readonly Piece[];
}

interface Piece {
  readonly text: string;
  /** For each prefix of `text`, the length of its longest proper prefix that is also its end. */
  readonly borders: readonly number[];
}

/** `\*` and `\\` mean the characters themselves; two stars in a row say nothing more than one and are refused. */
export function parseWildcard(source: string): Wildcard | { readonly error: string } {
  const pieces: string[] = [''];
  const add = (character: string) => pieces.push((pieces.pop() ?? '') + character);
  for (let i = 0; i < source.length; i++) {
    const character = source[i] ?? '';
    if (character === '\\') {
      const escaped = source[++i];
      if (escaped !== '*' && escaped !== '\\') return { error: `Invalid escape character at pos ${i}` };
      add(escaped);
    } else if (character === '*') {
      if (source[i + 1] === '*') return { error: `Consecutive wildcard characters at pos ${i}` };
      pieces.push('');
    } else add(character);
  }
  return { pieces: pieces.map((text) => ({ text, borders: bordersOf(text) })) };
}

export function matchesWildcard({ pieces }: Wildcard, text: string): boolean {
  const first = pieces[0]?.text ?? '';
  const last = pieces.at(-1)?.text ?? '';
  if (pieces.length === 1) return text === first;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = find(piece, text, at, end);
    if (found === undefined) return false;
    at = found;
  }
  return at <= end;
}

/** Where the piece's first occurrence in `text` from `from` on ends, if it does so before `end`. */
function find(piece: Piece, text: string, from: number, end: number): number | undefined {
  let matched = 0;
  for (let i = from; i < end && matched < piece.text.length; i++) {
    while (matched > 0 && piece.text[matched] !== text[i]) matched = piece.borders[matched - 1] ?? 0;
    if (piece.text[matched] === text[i]) matched++;
    if (matched === piece.text.length) return i + 1;
  }
  return piece.text.length === 0 ? from : undefined;
}

function bordersOf(text: string): readonly number[] {
  const borders = [0];
  for (let i = 1, border = 0; i < text.length; i++) {
    while (border > 0 && text[border] !== text[i]) border = borders[border - 1] ?? 0;
    if (text[border] === text[i]) border++;
    borders.push(border);
  }
  return borders;
}

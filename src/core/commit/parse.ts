/** A commit object as git stores it, taken apart as the API shows it. */

export interface CommitFacts {
  readonly treeId: string;
  readonly parents: readonly string[];
  readonly author: Signature;
  readonly committer: Signature;
  /** Raw, as stored. */
  readonly message: string;
  /** Further header lines (`gpgsig`, `encoding`), joined by line breaks. */
  readonly additionalData: string;
}

export interface Signature {
  readonly name: string;
  readonly email: string;
  /** `1700000000 +0100` */
  readonly date: string;
}

export function parseCommit(content: Uint8Array): CommitFacts {
  const text = decodeText(content);
  const end = text.indexOf('\n\n');
  const headers = (end < 0 ? text : text.slice(0, end)).split('\n');
  const valueOf = (name: string) =>
    headers.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? '';
  const parents = headers
    .filter((line) => line.startsWith('parent '))
    .map((line) => line.slice('parent '.length));
  const known = /^(?:tree|parent|author|committer) /;
  // A header goes on in lines that start with a space.
  const others = headers.filter((line, index) => !known.test(line) && index > 0);
  return {
    treeId: valueOf('tree'),
    parents,
    author: parseSignature(valueOf('author')),
    committer: parseSignature(valueOf('committer')),
    message: end < 0 ? '' : text.slice(end + 2),
    additionalData: others.join('\n'),
  };
}

function parseSignature(text: string): Signature {
  const match = /^(.*?) ?<([^>]*)> ?(.*)$/.exec(text);
  return { name: match?.[1] ?? '', email: match?.[2] ?? '', date: match?.[3] ?? '' };
}

/** By the commit's own `encoding` header; UTF-8 with replacement characters otherwise. */
function decodeText(content: Uint8Array): string {
  const utf8 = new TextDecoder('utf-8').decode(content);
  const headers = utf8.slice(0, utf8.indexOf('\n\n'));
  const encoding = /^encoding (.+)$/m.exec(headers)?.[1];
  if (encoding === undefined) return utf8;
  try {
    return new TextDecoder(encoding).decode(content);
  } catch (error) {
    // An encoding that nobody knows: what can be read is shown.
    if (error instanceof RangeError) return utf8;
    throw error;
  }
}

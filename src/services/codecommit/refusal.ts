/** Answers of the git door other than those of git itself. */

export type GitService = 'git-upload-pack' | 'git-receive-pack';

export const NO_CACHE = {
  'cache-control': 'no-cache, max-age=0, must-revalidate',
  pragma: 'no-cache',
  expires: 'Fri, 01 Jan 1980 00:00:00 GMT',
  'x-content-type-options': 'nosniff',
};

/** An answer other than git's own; git prints the text as `remote:` lines. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, text: string, headers: Readonly<Record<string, string>> = {}) {
    super(text);
    this.status = status;
    this.headers = headers;
  }
}

/** Ends the reading of a text that is no event pattern. Caught by `parse.ts`, which tells the reason and the place. */
export class Misformed extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** What a handler of one event says to `decide`: a fault or no change leave the stored state exactly as it was. */

export type Verdict =
  | { readonly type: 'changed'; readonly value?: unknown }
  | { readonly type: 'unchanged'; readonly value?: unknown }
  | { readonly type: 'refused'; readonly code: string; readonly message: string };

export const unchanged: Verdict = { type: 'unchanged' };

export function changed(value?: unknown): Verdict {
  return value === undefined ? { type: 'changed' } : { type: 'changed', value };
}

export function refused(code: string, message: string): Verdict {
  return { type: 'refused', code, message };
}

export function noSuchStage(pipeline: string, stage: string): Verdict {
  return refused('StageNotFoundException', `Pipeline ${pipeline} does not have a stage with name '${stage}'`);
}

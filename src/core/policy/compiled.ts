/**
 * A policy document made ready for matching, once for as long as the document lives: its statements by effect, filed
 * under the beginnings of the actions and of the resources that they can speak about.
 */

import { present } from '#base/assert.ts';
import { compileCondition, type CompiledCondition } from './conditions.ts';
import type { PolicyDocument, Statement } from './document.ts';
import { actionPrefix, compileActions, type ActionList } from './match.ts';
import { arnPrefix, compileResourcePattern, type ArnPattern } from './pattern.ts';
import { createPrefixIndex, fileUnder, valueAt, type PrefixIndex } from './prefix-index.ts';

export interface CompiledStatement {
  readonly source: Statement;
  readonly index: number;
  readonly actions: ActionList;
  readonly isActionNegated: boolean;
  /** Absent in trust policies: the role itself is meant. */
  readonly resources: readonly ArnPattern[] | undefined;
  readonly isResourceNegated: boolean;
  readonly conditions: readonly CompiledCondition[];
}

export interface CompiledDocument {
  readonly allow: StatementIndex;
  readonly deny: StatementIndex;
}

/** By action, then by resource; every list in the order of the document. */
export type StatementIndex = PrefixIndex<PrefixIndex<CompiledStatement[]>>;

/** A statement with more actions times resources than this is filed by its resources alone, or it could fill memory. */
const ENTRIES_PER_STATEMENT_MAX = 256;

const compiled = new WeakMap<PolicyDocument, CompiledDocument>();

export function compile(document: PolicyDocument): CompiledDocument {
  const known = compiled.get(document);
  if (known !== undefined) return known;
  const ready: CompiledDocument = { allow: createPrefixIndex(), deny: createPrefixIndex() };
  const withVariables = document.version === '2012-10-17';
  for (const [index, source] of document.statements.entries()) {
    const statement = compileStatement(source, index, withVariables);
    file(source.effect === 'Allow' ? ready.allow : ready.deny, statement);
  }
  compiled.set(document, ready);
  return ready;
}

/** The lists among which every statement is that could apply; some in them do not, and some may stand in several. */
export function candidates(
  index: StatementIndex,
  action: string,
  resource: string,
): readonly (readonly CompiledStatement[])[] {
  if (index.byPrefix.size === 0) return NONE;
  const found: CompiledStatement[][] = [];
  for (const length of index.lengths) {
    const byResource = valueAt(index, action, length);
    if (byResource === undefined) continue;
    for (const resourceLength of byResource.lengths) {
      const statements = valueAt(byResource, resource, resourceLength);
      if (statements !== undefined) found.push(statements);
    }
  }
  return found;
}

const NONE: readonly (readonly CompiledStatement[])[] = [];

export function compileStatement(
  source: Statement,
  index: number,
  withVariables: boolean,
): CompiledStatement {
  const resources = source.resources ?? source.notResources;
  return {
    source,
    index,
    actions: compileActions(source.actions ?? source.notActions ?? []),
    isActionNegated: source.actions === undefined,
    resources: resources?.map((text) => compileResourcePattern(text, withVariables)),
    isResourceNegated: source.resources === undefined,
    conditions: source.conditions.map((condition) =>
      // `parse.ts` refuses operators that do not exist; a condition we cannot check must not decide anything.
      present(compileCondition(condition, withVariables), `policy operator ${condition.operator}`),
    ),
  };
}

/** What a statement excludes says nothing about how the rest begins. */
function file(index: StatementIndex, statement: CompiledStatement): void {
  const { source, resources = [] } = statement;
  const resourcePrefixes = new Set(source.resources === undefined ? [''] : resources.map(arnPrefix));
  let actionPrefixes = new Set(source.actions?.map(actionPrefix) ?? ['']);
  if (actionPrefixes.size * resourcePrefixes.size > ENTRIES_PER_STATEMENT_MAX) actionPrefixes = new Set(['']);
  for (const action of actionPrefixes) {
    const byResource = fileUnder(index, action, createPrefixIndex<CompiledStatement[]>);
    for (const resource of resourcePrefixes) fileUnder(byResource, resource, () => []).push(statement);
  }
}

/**
 * Statements made ready for matching, once per document, and asked whether they apply to a request. Who wins among those
 * that apply is decided in `evaluate.ts`.
 */

import { present } from '#base/assert.ts';
import {
  compileCondition,
  createContext,
  holds,
  type CompiledCondition,
  type Context,
} from './conditions.ts';
import type { PolicyDocument, PrincipalPattern, Statement } from './document.ts';
import {
  compileActions,
  matchesAction,
  matchesResource,
  reachOf,
  type ActionList,
  type Reach,
} from './match.ts';
import { compileResourcePattern, splitArn, type ArnPattern, type Lookup } from './pattern.ts';
import type { Principal } from './principal.ts';
import type { PolicyKind, StatementReference } from './verdict.ts';

export interface EvaluationRequest {
  readonly principal: Principal;
  /** `s3:GetObject` */
  readonly action: string;
  /** An ARN, or `*` for actions without resource-level permissions. */
  readonly resource: string;
  /** Every condition key of the request; see `principalContext` for those that come with the principal. */
  readonly context: Readonly<Record<string, string | readonly string[]>>;
  readonly identity: readonly PolicyDocument[];
  /** Of the resource: a bucket policy, a key policy, a role's trust policy. */
  readonly resourcePolicy?: PolicyDocument | undefined;
  readonly boundary?: PolicyDocument | undefined;
  /** A session may do what one of these allows and its role allows. */
  readonly session?: readonly PolicyDocument[] | undefined;
}

/** A request made ready: what every statement is asked. */
export interface Query {
  readonly principal: Principal;
  readonly action: string;
  readonly resourceParts: readonly string[];
  readonly resourceAccount: string | undefined;
  readonly context: Context;
  readonly lookup: Lookup;
  /** The resource is a role and the action is one of taking it on. */
  readonly isTrust: boolean;
  /** Trust and key policies: without their Allow, not even the account itself may. */
  readonly mustBeGranted: boolean;
}

export function createQuery(request: EvaluationRequest): Query {
  const context = createContext(request.context);
  const action = request.action.toLowerCase();
  const resourceParts = splitArn(request.resource);
  const [, , service, , account, name = ''] = resourceParts;
  const isTrust = service === 'iam' && action.startsWith('sts:') && name.startsWith('role/');
  const own = request.principal.type === 'anonymous' ? undefined : request.principal.account;
  return {
    principal: request.principal,
    action,
    resourceParts,
    // ARNs of buckets hold no account; whoever knows the owner says so in the context.
    resourceAccount: context.get('aws:resourceaccount')?.[0] ?? (isAccount(account) ? account : own),
    context,
    lookup: (key) => {
      const values = context.get(key);
      return values?.length === 1 ? values[0] : undefined;
    },
    isTrust,
    mustBeGranted: isTrust || (service === 'kms' && name.startsWith('key/')),
  };
}

function isAccount(text: string | undefined): text is string {
  return text !== undefined && /^\d{12}$/.test(text);
}

interface CompiledStatement {
  readonly source: Statement;
  readonly index: number;
  readonly actions: ActionList;
  readonly isActionNegated: boolean;
  /** Absent in trust policies: the role itself is meant. */
  readonly resources: readonly ArnPattern[] | undefined;
  readonly isResourceNegated: boolean;
  readonly conditions: readonly CompiledCondition[];
}

const compiled = new WeakMap<PolicyDocument, readonly CompiledStatement[]>();

function compile(document: PolicyDocument): readonly CompiledStatement[] {
  const known = compiled.get(document);
  if (known !== undefined) return known;
  const withVariables = document.version === '2012-10-17';
  const statements = document.statements.map((source, index): CompiledStatement => {
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
  });
  compiled.set(document, statements);
  return statements;
}

export interface Found {
  readonly reference: StatementReference;
  readonly reach: Reach | undefined;
}

export function findStatement(
  kind: PolicyKind,
  documents: readonly PolicyDocument[],
  effect: Statement['effect'],
  query: Query,
): Found | undefined {
  const hasPrincipal = kind === 'resource' || kind === 'trust';
  for (const [policy, document] of documents.entries()) {
    for (const statement of compile(document)) {
      if (statement.source.effect !== effect) continue;
      const reach = hasPrincipal ? reachOfStatement(statement.source, query.principal) : undefined;
      if (hasPrincipal && reach === undefined) continue;
      if (applies(statement, query)) return { reference: referTo(kind, policy, statement), reach };
    }
  }
  return undefined;
}

/** The furthest-reaching Allow of the resource's policy. */
export function findGrant(
  kind: PolicyKind,
  documents: readonly PolicyDocument[],
  query: Query,
): { reference: StatementReference; reach: Reach } | undefined {
  let best: { reference: StatementReference; reach: Reach } | undefined;
  for (const [policy, document] of documents.entries()) {
    for (const statement of compile(document)) {
      if (statement.source.effect !== 'Allow') continue;
      const reach = reachOfStatement(statement.source, query.principal);
      if (reach === undefined || (best !== undefined && ORDER[best.reach] <= ORDER[reach])) continue;
      if (applies(statement, query)) best = { reference: referTo(kind, policy, statement), reach };
    }
  }
  return best;
}

const ORDER: Readonly<Record<Reach, number>> = { named: 0, role: 1, account: 2 };

function referTo(kind: PolicyKind, policy: number, statement: CompiledStatement): StatementReference {
  const { sid } = statement.source;
  return { kind, policy, index: statement.index, ...(sid === undefined ? {} : { sid }) };
}

function reachOfStatement(statement: Statement, principal: Principal): Reach | undefined {
  if (statement.principal !== undefined) return reachOf(statement.principal, principal);
  if (statement.notPrincipal === undefined) return undefined;
  return isExempt(statement.notPrincipal, principal) ? undefined : 'role';
}

/** Naming the account in NotPrincipal spares its root user, not everyone in it. */
function isExempt(pattern: PrincipalPattern, principal: Principal): boolean {
  const reach = reachOf(pattern, principal);
  return reach === 'account' ? principal.type === 'root' : reach !== undefined;
}

function applies(statement: CompiledStatement, query: Query): boolean {
  if (matchesAction(statement.actions, query.action) === statement.isActionNegated) return false;
  if (statement.resources !== undefined) {
    const matched = matchesResource(statement.resources, query.resourceParts, query.lookup);
    if (matched === undefined || matched === statement.isResourceNegated) return false;
  }
  return statement.conditions.every((condition) => holds(condition, query.context, query.lookup) === true);
}

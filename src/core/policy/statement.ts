/**
 * Which statement of a policy applies to a request, asked of those that its index names. Who wins among those that apply
 * is decided in `evaluate.ts`.
 */

import { candidates, compile, type CompiledStatement } from './compiled.ts';
import { createContext, holds, type Context } from './conditions.ts';
import type { PolicyDocument, PrincipalPattern, Statement } from './document.ts';
import { matchesAction, matchesResource, reachOf, type Reach } from './match.ts';
import { splitArn, type Lookup } from './pattern.ts';
import type { PolicySubject } from './principal.ts';
import type { PolicyKind, StatementReference } from './verdict.ts';

export interface EvaluationRequest {
  readonly principal: PolicySubject;
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
  readonly principal: PolicySubject;
  /** In lower case. */
  readonly action: string;
  readonly resource: string;
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
    resource: request.resource,
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

export interface Found {
  readonly reference: StatementReference;
  /** Only of policies that name principals. */
  readonly reach: Reach | undefined;
}

export interface Grant {
  readonly reference: StatementReference;
  readonly reach: Reach;
}

/** The first statement with this effect, policy by policy, that applies. */
export function findStatement(
  kind: PolicyKind,
  documents: readonly PolicyDocument[],
  effect: Statement['effect'],
  query: Query,
): Found | undefined {
  const hasPrincipal = kind === 'resource' || kind === 'trust';
  for (const [policy, document] of documents.entries()) {
    const { allow, deny } = compile(document);
    let found: CompiledStatement | undefined;
    let reach: Reach | undefined;
    for (const statements of candidates(effect === 'Allow' ? allow : deny, query.action, query.resource)) {
      for (const statement of statements) {
        if (found !== undefined && found.index <= statement.index) break;
        const own = hasPrincipal ? reachOfStatement(statement.source, query.principal) : undefined;
        if ((hasPrincipal && own === undefined) || !applies(statement, query)) continue;
        found = statement;
        reach = own;
      }
    }
    if (found !== undefined) return { reference: referTo(kind, policy, found), reach };
  }
  return undefined;
}

/** The furthest-reaching Allow of the resource's policy; of several the first. */
export function findGrant(
  kind: PolicyKind,
  document: PolicyDocument | undefined,
  query: Query,
): Grant | undefined {
  if (document === undefined) return undefined;
  let best: CompiledStatement | undefined;
  let bestReach: Reach | undefined;
  for (const statements of candidates(compile(document).allow, query.action, query.resource)) {
    for (const statement of statements) {
      const reach = reachOfStatement(statement.source, query.principal);
      if (reach === undefined || !isFurther(reach, statement, bestReach, best)) continue;
      if (!applies(statement, query)) continue;
      best = statement;
      bestReach = reach;
    }
  }
  if (best === undefined || bestReach === undefined) return undefined;
  return { reference: referTo(kind, 0, best), reach: bestReach };
}

function isFurther(
  reach: Reach,
  statement: CompiledStatement,
  bestReach: Reach | undefined,
  best: CompiledStatement | undefined,
): boolean {
  if (best === undefined || bestReach === undefined) return true;
  return ORDER[reach] < ORDER[bestReach] || (reach === bestReach && statement.index < best.index);
}

const ORDER: Readonly<Record<Reach, number>> = { named: 0, role: 1, account: 2 };

function referTo(kind: PolicyKind, policy: number, statement: CompiledStatement): StatementReference {
  const { sid } = statement.source;
  return { kind, policy, index: statement.index, ...(sid === undefined ? {} : { sid }) };
}

export function reachOfStatement(statement: Statement, principal: PolicySubject): Reach | undefined {
  if (statement.principal !== undefined) return reachOf(statement.principal, principal);
  if (statement.notPrincipal === undefined) return undefined;
  return isExempt(statement.notPrincipal, principal) ? undefined : 'role';
}

/** Naming the account in NotPrincipal spares its root user, not everyone in it. */
function isExempt(pattern: PrincipalPattern, principal: PolicySubject): boolean {
  const reach = reachOf(pattern, principal);
  return reach === 'account' ? principal.type === 'root' : reach !== undefined;
}

/** Whether a statement speaks about the request; of its principals and its effect the caller takes care. */
export function applies(statement: CompiledStatement, query: Query): boolean {
  if (matchesAction(statement.actions, query.action) === statement.isActionNegated) return false;
  if (statement.resources !== undefined) {
    const matched = matchesResource(statement.resources, query.resourceParts, query.lookup);
    if (matched === undefined || matched === statement.isResourceNegated) return false;
  }
  return statement.conditions.every((condition) => holds(condition, query.context, query.lookup) === true);
}

/**
 * Reads a policy document from JSON text and says what is malformed, in the words of IAM where they are known. What it
 * returns is complete: every list is a list, every operator exists, every statement has what its kind of policy needs.
 * Whether named principals exist is not asked here. See "Grammar of the IAM JSON policy language".
 */

import { compileCondition } from './conditions.ts';
import type { Condition, PolicyDocument, PrincipalPattern, Statement } from './document.ts';

/** Identity: of users, groups, roles and sessions. Resource: of buckets, keys, topics. Trust: of roles. */
export type PolicyDocumentKind = 'identity' | 'resource' | 'trust';

export interface PolicyFaults {
  /** At least one; the first is what AWS would say. */
  readonly faults: readonly string[];
}

/** Longest text of any kind of policy (bucket policies); the kinds have their own, smaller quotas. */
export const POLICY_LENGTH_MAX = 20_480;

export function isFaulty(parsed: PolicyDocument | PolicyFaults): parsed is PolicyFaults {
  return 'faults' in parsed;
}

/**
 * The same text gives the same document, so that it is compiled once for all who have it: rooms read their policies anew
 * for every request.
 */
export function parsePolicy(text: string, kind: PolicyDocumentKind): PolicyDocument | PolicyFaults {
  const known = documents[kind].get(text);
  if (known !== undefined) return known;
  const parsed = parse(text, kind);
  if (!isFaulty(parsed)) remember(kind, text, parsed);
  return parsed;
}

const documents: Readonly<Record<PolicyDocumentKind, Map<string, PolicyDocument>>> = {
  identity: new Map(),
  resource: new Map(),
  trust: new Map(),
};
/** Characters of all remembered texts together; beyond, everything is read anew. */
const REMEMBERED_LENGTH_MAX = 2_000_000;
let rememberedLength = 0;

function remember(kind: PolicyDocumentKind, text: string, document: PolicyDocument): void {
  rememberedLength += text.length;
  if (rememberedLength > REMEMBERED_LENGTH_MAX) {
    for (const each of Object.values(documents)) each.clear();
    rememberedLength = text.length;
  }
  documents[kind].set(text, document);
}

function parse(text: string, kind: PolicyDocumentKind): PolicyDocument | PolicyFaults {
  if (text.length > POLICY_LENGTH_MAX)
    return { faults: [`Policy is longer than ${POLICY_LENGTH_MAX} characters.`] };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    // The position is of no use to callers: AWS answers one sentence for everything that is not JSON.
    if (error instanceof SyntaxError) return { faults: [SYNTAX] };
    throw error;
  }
  const faults: string[] = [];
  const document = readDocument(json, kind, faults);
  return faults.length > 0 || document === undefined
    ? { faults: faults.length > 0 ? faults : [SYNTAX] }
    : document;
}

const SYNTAX = 'Syntax errors in policy.';
const DOCUMENT_FIELDS = new Set(['Version', 'Id', 'Statement']);
const STATEMENT_FIELDS = new Set([
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
]);
const PRINCIPAL_KINDS = new Set(['AWS', 'Service', 'Federated', 'CanonicalUser']);

type Json = Readonly<Record<string, unknown>>;

function readDocument(json: unknown, kind: PolicyDocumentKind, faults: string[]): PolicyDocument | undefined {
  if (!isObject(json)) return undefined;
  const unknown = Object.keys(json).filter((name) => !DOCUMENT_FIELDS.has(name));
  if (unknown.length > 0) faults.push(`${SYNTAX} Unknown field ${unknown[0]}.`);
  const { Version: version = '2008-10-17', Id: id, Statement: statement } = json;
  if (version !== '2012-10-17' && version !== '2008-10-17') {
    faults.push('Policy document version must be 2012-10-17 or 2008-10-17.');
    return undefined;
  }
  if (id !== undefined && typeof id !== 'string') faults.push(`${SYNTAX} Id must be a text.`);
  const items = Array.isArray(statement) ? statement : [statement];
  if (statement === undefined || items.length === 0) {
    faults.push(`${SYNTAX} The policy must contain a statement.`);
    return undefined;
  }
  const statements = items.map((item) => readStatement(item, kind, faults));
  const sids = statements.flatMap((one) => (one?.sid === undefined ? [] : [one.sid]));
  if (new Set(sids).size < sids.length) faults.push('Statement IDs (SID) in a single policy must be unique.');
  return {
    version,
    ...(typeof id === 'string' ? { id } : {}),
    statements: statements.filter((one) => one !== undefined),
  };
}

function readStatement(json: unknown, kind: PolicyDocumentKind, faults: string[]): Statement | undefined {
  if (!isObject(json)) {
    faults.push(SYNTAX);
    return undefined;
  }
  const unknown = Object.keys(json).filter((name) => !STATEMENT_FIELDS.has(name));
  if (unknown.length > 0) faults.push(`${SYNTAX} Unknown field ${unknown[0]}.`);
  const { Sid: sid, Effect: effect } = json;
  if (sid !== undefined && typeof sid !== 'string') faults.push(SYNTAX);
  if (typeof sid === 'string' && kind === 'identity' && !/^[A-Za-z0-9]*$/.test(sid)) {
    faults.push(
      'Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*',
    );
  }
  if (effect !== 'Allow' && effect !== 'Deny') {
    faults.push(
      effect === undefined ? 'Missing required field Effect' : `Invalid effect: ${JSON.stringify(effect)}`,
    );
    return undefined;
  }
  return {
    ...(typeof sid === 'string' && sid !== '' ? { sid } : {}),
    effect,
    ...readPrincipals(json, kind, effect, faults),
    ...readActions(json, kind, faults),
    ...readResources(json, kind, faults),
    conditions: readConditions(json['Condition'], faults),
  };
}

type Principals = Pick<Statement, 'principal' | 'notPrincipal'>;

function readPrincipals(
  json: Json,
  kind: PolicyDocumentKind,
  effect: Statement['effect'],
  faults: string[],
): Principals {
  const { Principal: one, NotPrincipal: not } = json;
  if (kind === 'identity') {
    if (one !== undefined || not !== undefined)
      faults.push('Policy document should not specify a principal.');
    return {};
  }
  if (one === undefined && not === undefined) {
    faults.push('Missing required field Principal');
    return {};
  }
  if (one !== undefined && not !== undefined) faults.push(`${SYNTAX} Principal excludes NotPrincipal.`);
  if (not !== undefined && (effect === 'Allow' || kind === 'trust')) {
    faults.push('NotPrincipal can only be used with Deny in a resource-based policy.');
  }
  const pattern = readPrincipal(one ?? not, faults);
  if (pattern === undefined) return {};
  return one === undefined ? { notPrincipal: pattern } : { principal: pattern };
}

function readPrincipal(json: unknown, faults: string[]): PrincipalPattern | undefined {
  if (json === '*') return '*';
  if (!isObject(json) || Object.keys(json).length === 0) {
    faults.push('Invalid principal in policy.');
    return undefined;
  }
  const pattern: Record<string, readonly string[]> = {};
  for (const [kind, value] of Object.entries(json)) {
    const values = readTexts(value);
    const malformed = values?.find((one) => one === '' || (one !== '*' && one.includes('*')));
    if (!PRINCIPAL_KINDS.has(kind) || values === undefined || values.length === 0) {
      faults.push(`Invalid principal in policy: "${kind}"`);
    } else if (malformed !== undefined) {
      faults.push(`Invalid principal in policy: "${kind}":"${malformed}"`);
    } else {
      pattern[kind] = values;
    }
  }
  return pattern;
}

type Actions = Pick<Statement, 'actions' | 'notActions'>;

function readActions(json: Json, kind: PolicyDocumentKind, faults: string[]): Actions {
  const { Action: one, NotAction: not } = json;
  const actions = readTexts(one ?? not);
  if (actions === undefined || actions.length === 0) {
    faults.push('Policy statement must contain actions.');
    return {};
  }
  if (one !== undefined && not !== undefined) faults.push(`${SYNTAX} Action excludes NotAction.`);
  if (!actions.every((action) => action === '*' || /^([A-Za-z0-9-]+|\*):[A-Za-z0-9*?]+$/.test(action))) {
    faults.push('Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.');
  }
  if (kind === 'trust' && (one === undefined || !actions.every((action) => /^sts:/i.test(action)))) {
    faults.push('AssumeRole policy may only specify STS AssumeRole actions.');
  }
  return one === undefined ? { notActions: actions } : { actions };
}

type Resources = Pick<Statement, 'resources' | 'notResources'>;

function readResources(json: Json, kind: PolicyDocumentKind, faults: string[]): Resources {
  const { Resource: one, NotResource: not } = json;
  if (kind === 'trust') {
    if (one !== undefined || not !== undefined) faults.push('Has prohibited field Resource');
    return {};
  }
  const resources = readTexts(one ?? not);
  if (resources === undefined || resources.length === 0) {
    faults.push('Policy statement must contain resources.');
    return {};
  }
  if (one !== undefined && not !== undefined) faults.push(`${SYNTAX} Resource excludes NotResource.`);
  const malformed = resources.find((resource) => !isResource(resource));
  if (malformed !== undefined) faults.push(`Resource ${malformed} must be in ARN format or "*".`);
  return one === undefined ? { notResources: resources } : { resources };
}

/** `*`, or an ARN that at least names its service, without wildcards in it. */
function isResource(text: string): boolean {
  return /^\*+$/.test(text) || /^arn:[^:]*:[A-Za-z0-9-]+(:|$)/.test(text);
}

function readConditions(json: unknown, faults: string[]): readonly Condition[] {
  if (json === undefined) return [];
  if (!isObject(json)) {
    faults.push(SYNTAX);
    return [];
  }
  const conditions: Condition[] = [];
  for (const [operator, keys] of Object.entries(json)) {
    if (!isObject(keys)) {
      faults.push(SYNTAX);
      continue;
    }
    for (const [key, value] of Object.entries(keys)) {
      const values = readTexts(value);
      if (values === undefined) faults.push(SYNTAX);
      else if (compileCondition({ operator, key, values }, false) === undefined) {
        faults.push(`Invalid Condition type : ${operator}.`);
      } else conditions.push({ operator, key, values });
    }
  }
  return conditions;
}

/** One or many; numbers and booleans count as their texts. */
function readTexts(json: unknown): readonly string[] | undefined {
  const items: readonly unknown[] = Array.isArray(json) ? json : [json];
  const texts: string[] = [];
  for (const item of items) {
    if (typeof item === 'string') texts.push(item);
    else if (typeof item === 'number' || typeof item === 'boolean') texts.push(String(item));
    else return undefined;
  }
  return texts;
}

function isObject(json: unknown): json is Json {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

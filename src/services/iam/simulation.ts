/**
 * The policy simulator: what would be decided, and by which policy, without doing anything. It asks the same evaluator
 * as every request. AWS lists all statements that match; this one lists the one that decided. Positions are not given.
 */

import { parseArn } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import { principalContext } from '#core/policy/context.ts';
import { evaluate, type Verdict } from '#core/policy/evaluate.ts';
import { principalArn, type Principal } from '#core/policy/principal.ts';
import type { InputOf, OutputOf } from '#services/clients.ts';
import type { Operations } from '#services/service.ts';
import { readDocument } from './documents.ts';
import { loadIdentityPolicies, loadPolicies, type NamedDocument } from './effective-policies.ts';
import { findGroup, findRole, findUser, iamArn, type Iam } from './entities.ts';
import { pageOf } from './pages.ts';

type Input = InputOf<'iam', 'SimulateCustomPolicy'> | InputOf<'iam', 'SimulatePrincipalPolicy'>;
type Result = NonNullable<OutputOf<'iam', 'SimulateCustomPolicy'>['EvaluationResults']>[number];

/** Actions times resources. */
const DECISIONS_MAX = 1000;

/** For whom it is simulated, and what counts for them. */
export interface Subject {
  readonly principal: Principal;
  readonly identity: readonly NamedDocument[];
  readonly boundary: readonly NamedDocument[];
  readonly tags: Readonly<Record<string, string>>;
}

export function simulationOperations(iam: Iam) {
  const answer = async (input: Input, subject: Subject, at: number) => {
    const results = decideAll(input, subject, at);
    const rows = results.map((result, index) => ({ result, key: String(index).padStart(6, '0') }));
    const page = await pageOf(iam, 'simulation', input, rows, (row) => row.key);
    return { EvaluationResults: page.rows.map((row) => row.result), ...page.members };
  };
  return {
    async SimulateCustomPolicy(call, input) {
      const identity = readInputs('PolicyInputList', input.PolicyInputList);
      const boundary = readInputs(
        'PermissionsBoundaryPolicyInputList',
        input.PermissionsBoundaryPolicyInputList,
      );
      return answer(input, { principal: anyUser(iam), identity, boundary, tags: {} }, call.at);
    },
    async SimulatePrincipalPolicy(call, input) {
      const found = await findSubject(iam, input.PolicySourceArn ?? '');
      const given = readInputs(
        'PermissionsBoundaryPolicyInputList',
        input.PermissionsBoundaryPolicyInputList,
      );
      const subject = {
        ...found,
        identity: [...found.identity, ...readInputs('PolicyInputList', input.PolicyInputList)],
        boundary: given.length > 0 ? given : found.boundary,
      };
      return answer(input, subject, call.at);
    },
  } satisfies Partial<Operations<'iam'>>;
}

function decideAll(input: Input, asked: Subject, at: number): Result[] {
  const subject = { ...asked, principal: callerOf(input, asked.principal) };
  const resourcePolicy = resourcePolicyOf(input, subject.principal);
  const actions = input.ActionNames ?? [];
  const resources = input.ResourceArns ?? ['*'];
  if (actions.length * resources.length > DECISIONS_MAX) {
    throw fault('InvalidInputException', `At most ${DECISIONS_MAX} decisions can be simulated at a time.`);
  }
  const context: Record<string, string | readonly string[]> = principalContext(
    subject.principal,
    subject.tags,
    at,
  );
  for (const { ContextKeyName: key, ContextKeyValues: values } of input.ContextEntries ?? []) {
    context[key ?? ''] = values ?? [];
  }
  if (input.ResourceOwner !== undefined) context['aws:ResourceAccount'] = ownerAccount(input.ResourceOwner);
  const missing = missingKeys([...subject.identity, ...subject.boundary, ...resourcePolicy], context);
  return actions.flatMap((action) =>
    resources.map((resource) => {
      const verdict = evaluate({
        principal: subject.principal,
        action,
        resource,
        context,
        identity: subject.identity.map(({ document }) => document),
        boundary: mergeBoundary(subject.boundary),
        resourcePolicy: resourcePolicy[0]?.document,
      });
      return view(action, resource, verdict, subject, resourcePolicy, missing);
    }),
  );
}

/** Several boundaries given together count as one. */
function mergeBoundary(boundary: readonly NamedDocument[]) {
  const [first, ...rest] = boundary;
  if (first === undefined) return undefined;
  const statements = [first, ...rest].flatMap(({ document }) => document.statements);
  return { version: first.document.version, statements };
}

function view(
  action: string,
  resource: string,
  verdict: Verdict,
  subject: Subject,
  resourcePolicy: readonly NamedDocument[],
  missing: readonly string[],
): Result {
  const { statement, kind } = verdict;
  const documents =
    kind === 'boundary' ? subject.boundary : kind === 'identity' ? subject.identity : resourcePolicy;
  const source = statement === undefined ? undefined : documents[statement.policy];
  return {
    EvalActionName: action,
    EvalResourceName: resource,
    EvalDecision: verdict.decision === 'allow' ? 'allowed' : verdict.decision,
    MatchedStatements: source === undefined ? [] : [{ SourcePolicyId: source.name }],
    MissingContextValues: [...missing],
    ...(subject.boundary.length === 0
      ? {}
      : { PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: verdict.kind !== 'boundary' } }),
  };
}

/** Keys that conditions ask for and nobody gave. */
function missingKeys(
  documents: readonly NamedDocument[],
  context: Readonly<Record<string, unknown>>,
): readonly string[] {
  const known = new Set(Object.keys(context).map((key) => key.toLowerCase()));
  const keys = documents.flatMap(({ document }) =>
    document.statements.flatMap((statement) => statement.conditions.map(({ key }) => key)),
  );
  return [...new Set(keys)].filter((key) => !known.has(key.toLowerCase())).sort();
}

/** The policy that every simulated resource is taken to have; policies of resources speak of who calls. */
function resourcePolicyOf(input: Input, principal: Principal): readonly NamedDocument[] {
  if (input.ResourcePolicy === undefined) return [];
  if (input.CallerArn === undefined && (principal.type !== 'user' || principal.userName === ''))
    throw fault(
      'InvalidInputException',
      'A resource policy needs a CallerArn, unless the policies are of a user.',
    );
  return [{ name: 'ResourcePolicy', document: readDocument(input.ResourcePolicy, 'resource') }];
}

/** As on AWS, only a user can be simulated as the caller. */
function callerOf({ CallerArn: arn }: Input, principal: Principal): Principal {
  if (arn === undefined || arn === principalArn(principal)) return principal;
  const { service, account = '', resource = '' } = parseArn(arn) ?? {};
  if (service !== 'iam' || !/^\d{12}$/.test(account) || !/^user\/./.test(resource))
    throw fault('InvalidInputException', `Invalid caller: ${arn} is not the ARN of a user.`);
  return { type: 'user', account, userName: resource.slice(resource.lastIndexOf('/') + 1), userId: '', arn };
}

/** An account id, or any ARN of that account. */
function ownerAccount(owner: string): string {
  const account = parseArn(owner)?.account ?? owner;
  if (!/^\d{12}$/.test(account)) throw fault('InvalidInputException', `Invalid resource owner: ${owner}`);
  return account;
}

export function readInputs(member: string, texts: readonly string[] | undefined): NamedDocument[] {
  return (texts ?? []).map((text, i) => ({
    name: `${member}.${i + 1}`,
    document: readDocument(text, 'identity'),
  }));
}

export async function findSubject(iam: Iam, arn: string): Promise<Subject> {
  const resource = parseArn(arn)?.resource ?? '';
  const name = resource.slice(resource.lastIndexOf('/') + 1);
  const { account } = iam.house;
  if (resource.startsWith('group/')) {
    const group = await findGroup(iam.read(), name);
    return {
      principal: anyUser(iam),
      identity: await loadIdentityPolicies(iam, group.id),
      boundary: [],
      tags: {},
    };
  }
  if (resource.startsWith('user/')) {
    const row = await findUser(iam.read(), name);
    const { name: userName, id: userId } = row;
    return subjectOf(iam, userId, {
      type: 'user',
      account,
      userName,
      userId,
      arn: iamArn(account, 'user', row),
    });
  }
  if (!resource.startsWith('role/')) throw fault('InvalidInputException', `Invalid policy source: ${arn}`);
  const row = await findRole(iam.read(), name);
  return subjectOf(iam, row.id, {
    type: 'role',
    account,
    roleName: row.name,
    roleId: row.id,
    roleArn: iamArn(account, 'role', row),
    sessionName: 'simulation',
    arn: `arn:aws:sts::${account}:assumed-role/${row.name}/simulation`,
    issuedAt: 0,
    expiresAt: 0,
    chained: false,
    sessionPolicies: [],
  });
}

async function subjectOf(iam: Iam, id: string, principal: Principal): Promise<Subject> {
  const own = await loadPolicies(iam, id);
  const boundary = own?.boundary === undefined ? [] : [{ name: 'boundary', document: own.boundary }];
  return { principal, identity: await loadIdentityPolicies(iam, id), boundary, tags: own?.tags ?? {} };
}

/** Policies without anybody: a user whose name and id no policy can know. */
function anyUser(iam: Iam): Principal {
  const { account } = iam.house;
  return { type: 'user', account, userName: '', userId: '', arn: `arn:aws:iam::${account}:user/` };
}

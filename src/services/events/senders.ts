/**
 * How each kind of target takes an event: through its own API, under the target's role where it has one, and as the
 * service itself otherwise, so that the target's resource policy decides. Throws the target's fault. All calls carry
 * what makes a repeated one harmless, where the target knows such a thing.
 */

import { parseArn } from '#base/arn.ts';
import { fault, isFault } from '#base/fault.ts';
import { deriveUuid } from '#base/ids.ts';
import { type RuleName, type RuleTarget } from '#core/event-delivery/target.ts';
import type { Json } from '#core/event-pattern/match.ts';
import type { InputOfId } from '#services/clients.ts';
import type { Caller, House } from '#services/service.ts';
import { noTarget } from './refusals.ts';

export interface Sending {
  readonly rule: RuleName;
  readonly target: RuleTarget;
  /** What the target gets. */
  readonly input: string;
  readonly eventId: string;
  readonly at: number;
}

type Send = (caller: Caller, sending: Sending, resource: string, house: House) => Promise<unknown>;

const SESSION_NAME_LENGTH_MAX = 64;

const senders: Readonly<Record<string, Send>> = {
  codepipeline: startPipeline,
  codebuild: startBuild,
  sns: publishMessage,
  sqs: sendMessage,
  logs: writeLog,
};

/** Targets in this region and account only; `events` targets are not sent but accepted, see `deliveries.ts`. */
export async function sendToTarget(house: House, sending: Sending): Promise<void> {
  const { arn } = sending.target;
  const parsed = parseArn(arn);
  const send = parsed && Object.hasOwn(senders, parsed.service) ? senders[parsed.service] : undefined;
  if (!parsed || !send || parsed.region !== house.region || parsed.account !== house.account)
    throw noTarget(arn);
  await send(await callerFor(house, sending), sending, parsed.resource, house);
}

/** The target's role, or the service itself; the rule is the source. */
export async function callerFor(
  house: House,
  { rule, target }: Pick<Sending, 'rule' | 'target'>,
): Promise<Caller> {
  if (target.roleArn === undefined) return house.asService('events', rule.arn);
  return house.assumeRole({
    service: 'events',
    roleArn: target.roleArn,
    sessionName: rule.name.slice(0, SESSION_NAME_LENGTH_MAX),
    sourceArn: rule.arn,
  });
}

/** One token for one event on one way; the same in every attempt. */
function tokenOf({ eventId, rule, target }: Sending): string {
  return deriveUuid(`${eventId} ${rule.arn} ${target.id}`, 0);
}

type Start = InputOfId<'codepipeline:StartPipelineExecution'>;

/** The resource is the pipeline's name. The input may say revisions and variables; anything else in it is ignored. */
async function startPipeline(caller: Caller, sending: Sending, name: string): Promise<void> {
  const given = sending.target.input ? objectOf(sending.input) : undefined;
  const sourceRevisions = listOf(given?.['sourceRevisions']) as Start['sourceRevisions'];
  const variables = listOf(given?.['variables']) as Start['variables'];
  await caller.send('codepipeline:StartPipelineExecution', {
    name,
    clientRequestToken: tokenOf(sending),
    ...(sourceRevisions && { sourceRevisions }),
    ...(variables && { variables }),
  });
}

/** The input may be the parameters of StartBuild. */
async function startBuild(caller: Caller, sending: Sending, resource: string): Promise<void> {
  const given = sending.target.input ? objectOf(sending.input) : undefined;
  await caller.send('codebuild:StartBuild', {
    ...(given as Partial<InputOfId<'codebuild:StartBuild'>> | undefined),
    projectName: resource.replace(/^project\//, ''),
    idempotencyToken: tokenOf(sending),
  });
}

async function publishMessage(caller: Caller, sending: Sending): Promise<void> {
  const { target, input } = sending;
  const fifo = target.arn.endsWith('.fifo') && {
    MessageGroupId: target.messageGroupId ?? sending.rule.name,
    MessageDeduplicationId: tokenOf(sending),
  };
  await caller.send('sns:Publish', { TopicArn: target.arn, Message: input, ...fifo });
}

async function sendMessage(caller: Caller, sending: Sending, name: string, house: House): Promise<void> {
  const { target, input } = sending;
  const fifo = name.endsWith('.fifo') && {
    MessageGroupId: target.messageGroupId,
    MessageDeduplicationId: tokenOf(sending),
  };
  await caller.send('sqs:SendMessage', {
    QueueUrl: queueUrl(house, name),
    MessageBody: input,
    ...(fifo || {}),
  });
}

export function queueUrl({ endpoint, account }: House, name: string): string {
  return `${endpoint()}/${account}/${name}`;
}

/** Into a stream of the rule's name. An input of `timestamp` and `message` says both; any other is the message. */
async function writeLog(caller: Caller, sending: Sending, resource: string): Promise<void> {
  const group = /^log-group:([^:]+)(:\*)?$/.exec(resource)?.[1];
  if (group === undefined)
    throw fault('ResourceNotFoundException', 'The target is not the ARN of a log group.');
  const place = { logGroupName: group, logStreamName: sending.rule.name };
  try {
    await caller.send('logs:CreateLogStream', place);
  } catch (error) {
    if (!isFault(error, 'ResourceAlreadyExistsException')) throw error;
  }
  const { timestamp, message } = (sending.target.input && objectOf(sending.input)) ?? {};
  const said = typeof message === 'string' && typeof timestamp === 'number';
  await caller.send('logs:PutLogEvents', {
    ...place,
    logEvents: [said ? { timestamp, message } : { timestamp: sending.at, message: sending.input }],
  });
}

function objectOf(text: string): Readonly<Record<string, Json>> | undefined {
  try {
    const json = JSON.parse(text) as Json;
    return typeof json === 'object' && json !== null && !Array.isArray(json)
      ? (json as Readonly<Record<string, Json>>)
      : undefined;
  } catch (error) {
    // A template may make anything; what is not JSON says nothing.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** One object stands for a list of it. */
function listOf(value: Json | undefined): readonly Json[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return Array.isArray(value) ? (value as readonly Json[]) : [value];
}

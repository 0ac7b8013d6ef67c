/**
 * The service that deploy agents poll: AWS's own agent, unmodified, and ours. What a host has to do is read off the
 * machine of its group; there is no queue beside it.
 *
 *   PollHostCommand ─▶ GetDeploymentSpecification ─▶ PutHostCommandAcknowledgement ─▶ (work) ─▶ PutHostCommandComplete
 *                                                        └─ PostHostCommandUpdate with output, from our agent ─┘
 *
 * By design: a poll is held for up to 20 s; a host is known by its registered IAM user or session and nothing else; an
 * agent of ours may acknowledge again after its restart, which its token proves.
 */

import { fault } from '#base/fault.ts';
import { principalArn } from '#core/policy/principal.ts';
import { dueCommand } from '#core/deployment/commands.ts';
import type { Deployment, Diagnostics, LifecycleErrorCode } from '#core/deployment/state.ts';
import type { Call, Handler, Operations } from '#services/service.ts';
import type { HostCommand, HostCommandStatus } from '#services/host-commands.ts';
import { formatCommandId, parseCommandId, type CommandId } from './command-id.ts';
import { parseOutputPiece, storeOutput } from './output.ts';
import { findDeployment, groupOfId, type Room } from './room.ts';
import type { Signer } from './signer.ts';
import { rows } from './tables.ts';

type Commands<Operation extends string> = Handler<'codedeploy-commands', Operation>;

const POLL_HELD_MS_MAX = 20_000;
/** How often a held poll looks by itself, for what no ring in this process told. */
const LOOK_AGAIN_MS = 5_000;

const ERROR_CODES: readonly LifecycleErrorCode[] = [
  'Success',
  'ScriptMissing',
  'ScriptNotExecutable',
  'ScriptTimedOut',
  'ScriptFailed',
  'UnknownError',
  // A child held the script's output open.
  'ScriptFailed',
  // The agent was restarted in the middle.
  'UnknownError',
];

export function hostCommandOperations(room: Room, signer: Signer): Operations<'codedeploy-commands'> {
  const { house, machine, bell } = room;

  const PollHostCommand: Commands<'PollHostCommand'> = async (call, input) => {
    const host = await hostOf(call, input.HostIdentifier);
    const until = house.clock.now() + POLL_HELD_MS_MAX;
    const listener = bell.listen(host);
    try {
      for (;;) {
        const command = await take(host);
        if (command) {
          return { HostCommand: { ...command, HostIdentifier: input.HostIdentifier } };
        }
        const left = until - house.clock.now();
        if (left <= 0 || bell.isSilent || call.signal.aborted) return {};
        await listener.wait(Math.min(left, LOOK_AGAIN_MS), call.signal);
      }
    } finally {
      listener.close();
    }
  };

  /** The first command that is due in any group of the host; hosts may work for several groups at once. */
  async function take(host: string): Promise<HostCommand | undefined> {
    const groups = await rows(house.database)
      .selectFrom('codedeploy_assignments')
      .select('group_id')
      .where('host', '=', host)
      .execute();
    for (const { group_id: groupId } of groups) {
      const state = await house.engine.read(machine, groupId);
      const due = state && dueCommand(state, host, house.clock.now());
      if (!due) continue;
      const sent = await house.engine.send(machine, groupId, { type: 'CommandPolled', ...due });
      if (!(sent.value as { readonly isDelivered: boolean }).isDelivered) continue;
      const group = await groupOfId(house, groupId);
      const applicationId = group?.application.application_id ?? 'deleted';
      return {
        HostCommandIdentifier: formatCommandId({ groupId, ...due }),
        DeploymentExecutionId: `${house.account}/${applicationId}/${groupId}/${due.deploymentId}`,
        CommandName: due.event,
        Nonce: house.clock.now(),
      };
    }
    return undefined;
  }

  const GetDeploymentSpecification: Commands<'GetDeploymentSpecification'> = async (call, input) => {
    const host = await hostOf(call, input.HostIdentifier);
    const [, , groupId = '', deploymentId = ''] = (input.DeploymentExecutionId ?? '').split('/');
    const found = await findDeployment(room, deploymentId);
    const isTarget = found?.deployment.targets.some((target) => target.host === host);
    if (!found || found.row.group_id !== groupId || !isTarget) {
      throw fault('ClientException', 'The host has no part in such a deployment.');
    }
    const group = await groupOfId(house, groupId);
    const specification = specificationOf(found.deployment, groupId, {
      application: group?.application.name ?? found.row.application_name,
      group: group?.row.name ?? found.row.group_name,
    });
    return {
      DeploymentSystem: 'CodeDeploy',
      DeploymentSpecification: { GenericEnvelope: await signer.seal(JSON.stringify(specification)) },
    };
  };

  const PutHostCommandAcknowledgement: Commands<'PutHostCommandAcknowledgement'> = async (call, input) => {
    const { groupId, ...name } = await commandOf(call, input.HostCommandIdentifier);
    const token = readMember(input.Diagnostics?.Payload, 'AgentToken');
    const sent = await house.engine.send(machine, groupId, { type: 'CommandAcknowledged', token, ...name });
    const value = sent.value as { readonly commandStatus: HostCommandStatus } | undefined;
    return { CommandStatus: value?.commandStatus ?? 'Succeeded' };
  };

  /** The first completion counts; later ones are answered and change nothing. */
  const PutHostCommandComplete: Commands<'PutHostCommandComplete'> = async (call, input) => {
    const { groupId, ...name } = await commandOf(call, input.HostCommandIdentifier);
    if (input.CommandStatus !== 'Succeeded' && input.CommandStatus !== 'Failed') {
      throw fault('ClientException', 'A command is completed as Succeeded or Failed.');
    }
    const sent = await house.engine.send(machine, groupId, {
      type: 'CommandCompleted',
      isSuccess: input.CommandStatus === 'Succeeded',
      diagnostics: readDiagnostics(input.Diagnostics?.Payload),
      ...name,
    });
    const targets = sent.state.active?.targets ?? [];
    bell.ring(targets.filter((target) => target.command).map((target) => target.host));
    if (!(sent.value as { readonly isAccepted: boolean }).isAccepted) {
      house.log.info('a completion came late or twice and was ignored', { ...name });
    }
    return {};
  };

  const PostHostCommandUpdate: Commands<'PostHostCommandUpdate'> = async (call, input) => {
    const command = await commandOf(call, input.HostCommandIdentifier);
    const piece = parseOutputPiece(input.Diagnostics?.Payload);
    if (piece) await storeOutput(room, command, formatCommandId(command), piece);
    return { CommandStatus: 'InProgress' };
  };

  async function commandOf(call: Call, id: string | undefined): Promise<CommandId> {
    const command = parseCommandId(id);
    if (command.host !== (await hostOf(call, principalArn(call.principal)))) {
      throw fault('ClientException', 'The command belongs to another host.');
    }
    const state = await house.engine.read(machine, command.groupId);
    if (state) return command;
    throw fault('ClientException', 'The deployment group of the command does not exist.');
  }

  /** The name of the host that calls. Whoever it says it is, its credentials must say so too. */
  async function hostOf(call: Call, identifier: string | undefined): Promise<string> {
    const arn = principalArn(call.principal);
    if (arn !== identifier) {
      house.log.warn('a host named itself after another', { principal: arn, identifier });
      throw fault('ClientException', 'The host identifier is not the identity of the credentials.');
    }
    const row = await rows(house.database)
      .selectFrom('codedeploy_instances')
      .select('name')
      .where('iam_arn', '=', arn)
      .where('deregistered_at', 'is', null)
      .executeTakeFirst();
    if (row) return row.name;
    throw fault('ClientException', `No on-premises instance is registered for ${arn}.`);
  }

  return {
    PollHostCommand,
    GetDeploymentSpecification,
    PutHostCommandAcknowledgement,
    PutHostCommandComplete,
    PostHostCommandUpdate,
  };
}

/** What the agents read. `AllPossibleLifecycleEvents` is left out: with it they refuse AppSpec files of other scopes. */
function specificationOf(
  deployment: Deployment,
  groupId: string,
  names: { readonly application: string; readonly group: string },
) {
  const { bucket, key, bundleType, version, eTag } = deployment.revision;
  return {
    DeploymentId: deployment.deploymentId,
    DeploymentGroupId: groupId,
    DeploymentGroupName: names.group,
    ApplicationName: names.application,
    DeploymentCreator: deployment.creator,
    DeploymentType: 'IN_PLACE',
    AgentActionOverrides: {
      AgentOverrides: { FileExistsBehavior: deployment.settings.fileExistsBehavior },
    },
    Revision: {
      RevisionType: 'S3',
      S3Revision: {
        Bucket: bucket,
        Key: key,
        BundleType: bundleType,
        ...(version === undefined ? {} : { Version: version }),
        ...(eTag === undefined ? {} : { ETag: `"${eTag}"` }),
      },
    },
  };
}

function readDiagnostics(payload: string | undefined): Diagnostics | undefined {
  const members = readObject(payload);
  if (!members) return undefined;
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  const code = typeof members['error_code'] === 'number' ? members['error_code'] : 5;
  return {
    errorCode: ERROR_CODES[code] ?? 'UnknownError',
    scriptName: text(members['script_name']),
    message: text(members['message']),
    logTail: text(members['log']),
  };
}

function readMember(payload: string | undefined, name: string): string | undefined {
  const value = readObject(payload)?.[name];
  return typeof value === 'string' && value.length <= 64 ? value : undefined;
}

/** Diagnostics come from outside; what is not an object in JSON says nothing. */
function readObject(payload: string | undefined): Record<string, unknown> | undefined {
  if (payload === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(payload);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

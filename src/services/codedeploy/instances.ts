/** On-premises instances: hosts with an IAM identity of their own, found by groups through their tags. */

import { createText } from '#base/chance.ts';
import { fault } from '#base/fault.ts';
import { isSelected, tagFilterOf, type Tag } from '#core/deployment/tags.ts';
import type { Handler } from '#services/service.ts';
import type { InstanceInfo } from '@aws-sdk/client-codedeploy';
import type { Kysely } from 'kysely';
import * as names from './names.ts';
import { pageOf } from './paging.ts';
import { tagsOf, type Room } from './room.ts';
import { rows, within, type InstanceRow, type Tables } from './tables.ts';
import { checkTags, mergeTags, tagsOfInput, tagsToOutput } from './tagging.ts';

type Codedeploy<Operation extends string> = Handler<'codedeploy', Operation>;

const BATCH_MAX = 25;
const TAGGED_AT_ONCE_MAX = 100;
const INSTANCE_TAGS_MAX = 10;
const USER_ARN = /^arn:aws[a-z-]*:iam::\d{12}:user\/[\w+=,.@/-]+$/;
const SESSION_ARN = /^arn:aws[a-z-]*:sts::\d{12}:assumed-role\/[\w+=,.@-]+\/[\w+=,.@-]+$/;

export function instanceOperations({ house }: Room) {
  const database = () => rows(house.database);

  const RegisterOnPremisesInstance: Codedeploy<'RegisterOnPremisesInstance'> = async (call, input) => {
    const name = names.instanceName(input.instanceName);
    const iamArn = readIamArn(input);
    const row: InstanceRow = {
      name,
      instance_arn: names.instanceArn(
        call,
        `${name}_${createText('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789', 10)}`,
      ),
      iam_arn: iamArn,
      registered_at: call.at,
      deregistered_at: null,
      tags: '[]',
    };
    await house.database.transaction(async (transaction) => {
      const taken = await within(transaction)
        .selectFrom('codedeploy_instances')
        .select(['name', 'iam_arn'])
        .where('deregistered_at', 'is', null)
        .where((where) => where.or([where('name', '=', name), where('iam_arn', '=', iamArn)]))
        .execute();
      if (taken.some((other) => other.name === name)) {
        throw fault(
          'InstanceNameAlreadyRegisteredException',
          `An on-premises instance with the name ${name} is already registered.`,
        );
      }
      if (taken.length > 0) throw arnAlreadyRegistered(iamArn);
      await within(transaction).deleteFrom('codedeploy_instances').where('name', '=', name).execute();
      await within(transaction).insertInto('codedeploy_instances').values(row).execute();
    });
    return {};
  };

  /** The name is free at once; the record stays for listings. Agent and files on the host remain. */
  const DeregisterOnPremisesInstance: Codedeploy<'DeregisterOnPremisesInstance'> = async (call, input) => {
    const name = names.instanceName(input.instanceName);
    await house.database.transaction(async (transaction) => {
      await within(transaction)
        .updateTable('codedeploy_instances')
        .set({ deregistered_at: call.at, tags: '[]' })
        .where('name', '=', name)
        .where('deregistered_at', 'is', null)
        .execute();
    });
    return {};
  };

  const GetOnPremisesInstance: Codedeploy<'GetOnPremisesInstance'> = async (_call, input) => {
    const row = await findInstance(database(), names.instanceName(input.instanceName));
    if (!row) throw notRegistered(input.instanceName);
    return { instanceInfo: instanceInfo(row) };
  };

  const BatchGetOnPremisesInstances: Codedeploy<'BatchGetOnPremisesInstances'> = async (_call, input) => {
    const wanted = (input.instanceNames ?? []).map(names.instanceName);
    if (wanted.length > BATCH_MAX) {
      throw fault('BatchLimitExceededException', `At most ${BATCH_MAX} instances can be asked for.`);
    }
    const found = await Promise.all(wanted.map((name) => findInstance(database(), name)));
    return { instanceInfos: found.flatMap((row) => (row ? [instanceInfo(row)] : [])) };
  };

  const ListOnPremisesInstances: Codedeploy<'ListOnPremisesInstances'> = async (_call, input) => {
    const filters = (input.tagFilters ?? []).map((filter) =>
      tagFilterOf(filter.Key, filter.Value, filter.Type),
    );
    const all = await database().selectFrom('codedeploy_instances').selectAll().orderBy('name').execute();
    const wanted = all.filter((row) => {
      const status = row.deregistered_at === null ? 'Registered' : 'Deregistered';
      if (input.registrationStatus !== undefined && input.registrationStatus !== status) return false;
      return filters.length === 0 || isSelected(tagsOf(row), { filters, sets: [] });
    });
    const page = pageOf(
      wanted.map((row) => row.name),
      input.nextToken,
    );
    return { instanceNames: page.items, nextToken: page.nextToken };
  };

  const AddTagsToOnPremisesInstances: Codedeploy<'AddTagsToOnPremisesInstances'> = async (_call, input) => {
    const added = tagsOfInput(input.tags);
    if (added.length === 0) throw fault('TagRequiredException', 'At least one tag must be specified.');
    checkTags(added, 'InvalidTagException', TAGGED_AT_ONCE_MAX);
    await changeTags(input.instanceNames, (tags) => {
      const merged = mergeTags(tags, added);
      if (merged.length <= INSTANCE_TAGS_MAX) return merged;
      throw fault('TagLimitExceededException', `An instance may have ${INSTANCE_TAGS_MAX} tags.`);
    });
    return {};
  };

  /** A tag without a value removes its key, whatever the value is. */
  const RemoveTagsFromOnPremisesInstances: Codedeploy<'RemoveTagsFromOnPremisesInstances'> = async (
    _call,
    input,
  ) => {
    const removed = input.tags ?? [];
    if (removed.length === 0) throw fault('TagRequiredException', 'At least one tag must be specified.');
    await changeTags(input.instanceNames, (tags) =>
      tags.filter(
        (tag) =>
          !removed.some(
            (gone) => gone.Key === tag.key && (gone.Value === undefined || gone.Value === tag.value),
          ),
      ),
    );
    return {};
  };

  /** All of them or none. */
  async function changeTags(
    wanted: readonly string[] | undefined,
    change: (tags: readonly Tag[]) => readonly Tag[],
  ): Promise<void> {
    const hosts = [...new Set((wanted ?? []).map(names.instanceName))];
    if (hosts.length === 0)
      throw fault('InstanceNameRequiredException', 'An instance name must be specified.');
    if (hosts.length > TAGGED_AT_ONCE_MAX) {
      throw fault('InstanceLimitExceededException', `At most ${TAGGED_AT_ONCE_MAX} instances at a time.`);
    }
    await house.database.transaction(async (transaction) => {
      for (const name of hosts) {
        const row = await findInstance(within(transaction), name);
        if (!row || row.deregistered_at !== null) throw notRegistered(name);
        await within(transaction)
          .updateTable('codedeploy_instances')
          .set({ tags: JSON.stringify(change(tagsOf(row))) })
          .where('name', '=', name)
          .execute();
      }
    });
  }

  return {
    RegisterOnPremisesInstance,
    DeregisterOnPremisesInstance,
    GetOnPremisesInstance,
    BatchGetOnPremisesInstances,
    ListOnPremisesInstances,
    AddTagsToOnPremisesInstances,
    RemoveTagsFromOnPremisesInstances,
  };
}

async function findInstance(database: Kysely<Tables>, name: string): Promise<InstanceRow | undefined> {
  return database.selectFrom('codedeploy_instances').selectAll().where('name', '=', name).executeTakeFirst();
}

function readIamArn(input: {
  readonly iamUserArn?: string | undefined;
  readonly iamSessionArn?: string | undefined;
}): string {
  const { iamUserArn, iamSessionArn } = input;
  if (iamUserArn !== undefined && iamSessionArn !== undefined) {
    throw fault('MultipleIamArnsProvidedException', 'Give either an IAM user ARN or an IAM session ARN.');
  }
  if (iamUserArn !== undefined) {
    if (USER_ARN.test(iamUserArn)) return iamUserArn;
    throw fault('InvalidIamUserArnException', `The IAM user ARN ${iamUserArn} is not valid.`);
  }
  if (iamSessionArn !== undefined) {
    if (SESSION_ARN.test(iamSessionArn)) return iamSessionArn;
    throw fault('InvalidIamSessionArnException', `The IAM session ARN ${iamSessionArn} is not valid.`);
  }
  throw fault('IamArnRequiredException', 'An IAM user ARN or an IAM session ARN must be specified.');
}

function instanceInfo(row: InstanceRow): InstanceInfo {
  const isUser = row.iam_arn.includes(':iam:');
  return {
    instanceName: row.name,
    instanceArn: row.instance_arn,
    iamUserArn: isUser ? row.iam_arn : undefined,
    iamSessionArn: isUser ? undefined : row.iam_arn,
    registerTime: new Date(row.registered_at),
    deregisterTime: row.deregistered_at === null ? undefined : new Date(row.deregistered_at),
    tags: tagsToOutput(tagsOf(row)),
  };
}

function arnAlreadyRegistered(arn: string) {
  const code = arn.includes(':iam:')
    ? 'IamUserArnAlreadyRegisteredException'
    : 'IamSessionArnAlreadyRegisteredException';
  return fault(code, `The ARN ${arn} already belongs to a registered on-premises instance.`);
}

function notRegistered(name: string | undefined) {
  return fault('InstanceNotRegisteredException', `The on-premises instance ${name} is not registered.`);
}

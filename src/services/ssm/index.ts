/**
 * Systems Manager, of which only Parameter Store is here: parameters with versions, labels, tags and policies; secure
 * strings under keys of KMS, used as whoever asks.
 *
 * Gaps: everything else of the service (`gaps.ts`); the public parameters of AWS, which are told as missing, but for those
 * that stand for secrets; parameters shared by other accounts.
 *
 * By design: values of every type are sealed at rest. A new version keeps what its request leaves unsaid. The quota of
 * 10,000 parameters holds for both tiers together. As on AWS, whoever may read a path may read all below it.
 */

import type { House, Permissions, Service } from '#services/service.ts';
import { deletingOperations } from './deleting.ts';
import { describingOperations } from './describing.ts';
import { gaps } from './gaps.ts';
import { labellingOperations } from './labelling.ts';
import { createParameterMachine } from './machine.ts';
import { puttingOperations } from './putting.ts';
import { readingOperations } from './reading.ts';
import type { Room } from './room.ts';
import { migrations } from './tables.ts';
import { taggingOperations } from './tagging.ts';

/** Authorized in their operations; see `finding.ts`. */
const inOperation = () => [];
const permissions: Permissions<'ssm'> = {
  AddTagsToResource: inOperation,
  DeleteParameter: inOperation,
  DeleteParameters: inOperation,
  GetParameter: inOperation,
  GetParameterHistory: inOperation,
  GetParameters: inOperation,
  GetParametersByPath: inOperation,
  LabelParameterVersion: inOperation,
  ListTagsForResource: inOperation,
  PutParameter: inOperation,
  RemoveTagsFromResource: inOperation,
  UnlabelParameterVersion: inOperation,
};

export function openSsm(house: House): Service<'ssm'> {
  const machine = createParameterMachine(house);
  const room: Room = { house, machine };
  return {
    name: 'ssm',
    operations: {
      ...gaps,
      ...deletingOperations(room),
      ...describingOperations(room),
      ...labellingOperations(room),
      ...puttingOperations(room),
      ...readingOperations(room),
      ...taggingOperations(room),
    },
    permissions,
    machines: [machine],
    migrations,
  };
}

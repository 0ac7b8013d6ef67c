/**
 * SQS: queues as targets of topics and rules, as places for dead letters, and for whoever needs a queue beside them.
 *
 * Gaps: moving dead letters back (message move tasks), encryption under keys of KMS, the old query protocol.
 *
 * By design: messages are sealed at rest with the key of the installation; the largest message has 256 KiB; a receipt
 * ends when its message is received again; a deleted queue may be made again at once; nothing limits how many messages
 * are in flight. Version 1 of the AWS CLI ignores AWS_ENDPOINT_URL for this service alone; there, give --endpoint-url.
 */

import { createBell } from '#base/bell.ts';
import { gap, type House, type Permissions, type Service } from '#services/service.ts';
import { createPolicyReader, policyOperations } from './policies.ts';
import { queueOperations } from './queues.ts';
import { receivingOperations } from './receiving.ts';
import { onQueue, queueArn, type Room } from './room.ts';
import { sendingOperations } from './sending.ts';
import { settlingOperations } from './settling.ts';
import { createMessageSweep } from './sweeping.ts';
import { migrations } from './tables.ts';
import { taggingOperations } from './tagging.ts';

const MOVING = 'Moving dead letters back to their queues is not implemented.';

/** Batches need what their single operations need. AWS: "Actions, resources, and condition keys for Amazon SQS". */
const permissions: Permissions<'sqs'> = {
  AddPermission: onQueue('AddPermission'),
  ChangeMessageVisibility: onQueue('ChangeMessageVisibility'),
  ChangeMessageVisibilityBatch: onQueue('ChangeMessageVisibility'),
  CreateQueue: (input, scope) => [
    { action: 'sqs:CreateQueue', resource: queueArn(scope, input.QueueName ?? '') },
  ],
  DeleteMessage: onQueue('DeleteMessage'),
  DeleteMessageBatch: onQueue('DeleteMessage'),
  DeleteQueue: onQueue('DeleteQueue'),
  GetQueueAttributes: onQueue('GetQueueAttributes'),
  GetQueueUrl: (input, scope) => [
    { action: 'sqs:GetQueueUrl', resource: queueArn(scope, input.QueueName ?? '') },
  ],
  ListDeadLetterSourceQueues: onQueue('ListDeadLetterSourceQueues'),
  ListQueueTags: onQueue('ListQueueTags'),
  PurgeQueue: onQueue('PurgeQueue'),
  ReceiveMessage: onQueue('ReceiveMessage'),
  RemovePermission: onQueue('RemovePermission'),
  SendMessage: onQueue('SendMessage'),
  SendMessageBatch: onQueue('SendMessage'),
  SetQueueAttributes: onQueue('SetQueueAttributes'),
  TagQueue: onQueue('TagQueue'),
  UntagQueue: onQueue('UntagQueue'),
};

export function openSqs(house: House): Service<'sqs'> {
  const room: Room = { house, bell: createBell(house.clock) };
  const sweep = createMessageSweep(house);
  return {
    name: 'sqs',
    operations: {
      ...queueOperations(room),
      ...sendingOperations(room),
      ...receivingOperations(room),
      ...settlingOperations(room),
      ...policyOperations(room),
      ...taggingOperations(room),
      CancelMessageMoveTask: gap(MOVING),
      ListMessageMoveTasks: gap(MOVING),
      StartMessageMoveTask: gap(MOVING),
    },
    permissions,
    machines: [],
    migrations,
    resourcePolicy: createPolicyReader(house),
    async recover() {
      sweep.start();
    },
    drain: () => room.bell.silence(),
    close: () => sweep.stop(),
  };
}

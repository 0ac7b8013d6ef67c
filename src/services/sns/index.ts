/**
 * SNS: topics, their subscriptions, and the delivery of what is published to queues, HTTP endpoints and mailboxes, at
 * least once, over crashes and restarts.
 *
 * Gaps: see `gaps.ts`; FIFO topics, Lambda, text messages, push notifications and Firehose, keys of KMS, delivery status
 * logs, throttle policies: whoever asks for one of these is told so when the topic or subscription is made.
 *
 * By design: a topic has 500 subscriptions at most. Endpoints in private networks are refused unless the operator
 * allows them (SLIPWAY_SNS_PRIVATE_ENDPOINTS=allow). Deliveries to queues are tried for half an hour, not for 23 days.
 * Mails need the operator's SMTP server (SLIPWAY_SMTP_URL, sender SLIPWAY_MAIL_FROM); without one they fail, and the
 * log says why. The signing certificate is the installation's own, served under its
 * endpoint, so validators that insist on amazonaws.com must be told.
 */

import type { House, Permissions, Service } from '#services/service.ts';
import { createMessageMachine } from './delivering.ts';
import { gaps } from './gaps.ts';
import { createMailer } from './mail.ts';
import { createPolicyReader, policyOperations } from './policies.ts';
import { publishingOperations } from './publishing.ts';
import { onSubscription, onTopic, topicArn, type Room } from './room.ts';
import { readSettings } from './settings.ts';
import { createSigner } from './signer.ts';
import { subscriptionOperations } from './subscription-views.ts';
import { subscribingOperations } from './subscriptions.ts';
import { createMessageSweep } from './sweeping.ts';
import { migrations } from './tables.ts';
import { taggingOperations } from './tagging.ts';
import { topicOperations } from './topics.ts';

const onResource =
  (action: string) =>
  ({ ResourceArn }: { readonly ResourceArn?: string | undefined }) => [
    { action: `sns:${action}`, resource: ResourceArn ?? '*' },
  ];

/** Whoever has a token may confirm, and with the link in a message one may unsubscribe; its handler asks the others. */
const permissions: Permissions<'sns'> = {
  AddPermission: onTopic('AddPermission'),
  ConfirmSubscription: () => [],
  CreateTopic: (input, scope) => [{ action: 'sns:CreateTopic', resource: topicArn(scope, input.Name ?? '') }],
  DeleteTopic: onTopic('DeleteTopic'),
  GetSubscriptionAttributes: onSubscription('GetSubscriptionAttributes'),
  GetTopicAttributes: onTopic('GetTopicAttributes'),
  ListSubscriptionsByTopic: onTopic('ListSubscriptionsByTopic'),
  ListTagsForResource: onResource('ListTagsForResource'),
  Publish: (input) => [{ action: 'sns:Publish', resource: input.TopicArn ?? input.TargetArn ?? '*' }],
  PublishBatch: onTopic('Publish'),
  RemovePermission: onTopic('RemovePermission'),
  SetSubscriptionAttributes: onSubscription('SetSubscriptionAttributes'),
  SetTopicAttributes: onTopic('SetTopicAttributes'),
  Subscribe: (input) => [
    {
      action: 'sns:Subscribe',
      resource: input.TopicArn ?? '*',
      context: { 'sns:Protocol': input.Protocol ?? '', 'sns:Endpoint': input.Endpoint ?? '' },
    },
  ],
  TagResource: onResource('TagResource'),
  Unsubscribe: () => [],
  UntagResource: onResource('UntagResource'),
};

export function openSns(house: House, environment: NodeJS.ProcessEnv): Service<'sns'> {
  const settings = readSettings(environment);
  const mailer = createMailer(settings);
  const machine = createMessageMachine(house, () => room, mailer);
  const room: Room = { house, settings, signer: createSigner(house), machine };
  const sweep = createMessageSweep(house, machine);
  return {
    name: 'sns',
    operations: {
      ...gaps,
      ...topicOperations(room),
      ...subscribingOperations(room),
      ...subscriptionOperations(room),
      ...publishingOperations(room),
      ...policyOperations(room),
      ...taggingOperations(room),
    },
    permissions,
    machines: [machine],
    migrations,
    routes: [room.signer.route],
    resourcePolicy: createPolicyReader(house),
    async recover() {
      sweep.start();
    },
    async close() {
      await sweep.stop();
      mailer.close();
    },
  };
}

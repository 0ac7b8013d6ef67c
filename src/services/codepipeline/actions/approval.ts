/**
 * A manual approval that names a notification topic. The question itself is in the machine; here it is told to whoever
 * subscribed to the topic, under the pipeline's role, in the form that AWS documents ("JSON data format for manual
 * approval notifications"). Mailboxes get the same as readable text, with the command that answers it.
 *
 * A message is published at least once: if the server dies between publishing and remembering it, the message is sent
 * again, with the same token, so that every copy asks and answers the same question.
 */

import { present } from '#base/assert.ts';
import type { StartAction } from '#core/pipeline/orders.ts';
import { configured, cut, type Acting, type Action } from './action.ts';

const SUBJECT_LENGTH_MAX = 100;

export const approval: Action = {
  async start(acting, order) {
    await acting.caller.send('sns:Publish', {
      TopicArn: configured(order, 'NotificationArn'),
      Subject: subjectOf(order),
      MessageStructure: 'json',
      Message: JSON.stringify({ default: documentOf(acting, order), email: mailOf(acting, order) }),
    });
    return { type: 'ActionStarted' };
  },
};

function subjectOf({ pipeline, action }: StartAction): string {
  return cut(`APPROVAL NEEDED: AWS CodePipeline ${pipeline} for action ${action}`, SUBJECT_LENGTH_MAX);
}

function documentOf({ house }: Acting, order: StartAction): string {
  const { configuration, pipeline, stage, action } = order;
  const { token, expiresAt } = questionOf(order);
  return JSON.stringify({
    region: house.region,
    consoleLink: consoleLink(house.endpoint(), pipeline),
    approval: {
      pipelineName: pipeline,
      stageName: stage,
      actionName: action,
      token,
      expires: expiryOf(expiresAt),
      externalEntityLink: configuration['ExternalEntityLink'] ?? null,
      approvalReviewLink: reviewLink(house.endpoint(), order),
      customData: configuration['CustomData'] ?? null,
    },
  });
}

function mailOf({ house }: Acting, order: StartAction): string {
  const { configuration, pipeline, stage, action } = order;
  const { token, expiresAt } = questionOf(order);
  const { CustomData, ExternalEntityLink } = configuration;
  const endpoint = house.endpoint();
  const answer = (status: string) =>
    [
      `aws codepipeline put-approval-result --endpoint-url ${endpoint} --region ${house.region}`,
      `--pipeline-name ${pipeline} --stage-name ${stage} --action-name ${action}`,
      `--token ${token} --result status=${status},summary=${status}`,
    ].join(' \\\n  ');
  return [
    'Hello,',
    `The pipeline ${pipeline} waits for your answer at the action ${action} of the stage ${stage}.`,
    ...(CustomData === undefined ? [] : [`What is asked: ${CustomData}`]),
    ...(ExternalEntityLink === undefined ? [] : [`What to look at: ${ExternalEntityLink}`]),
    `Without an answer until ${new Date(expiresAt).toUTCString()} the action fails.`,
    `Review it here:\n${reviewLink(endpoint, order)}`,
    `Or answer from a terminal. To approve:\n\n${answer('Approved')}\n\nTo reject:\n\n${answer('Rejected')}`,
  ].join('\n\n');
}

function questionOf(order: StartAction): { readonly token: string; readonly expiresAt: number } {
  return present(order.approval, 'the open question of an approval');
}

/** To the minute: `2016-07-07T20:22Z`. */
function expiryOf(expiresAt: number): string {
  return `${new Date(expiresAt).toISOString().slice(0, 16)}Z`;
}

function consoleLink(endpoint: string, pipeline: string): string {
  return `${endpoint}/console#/view/${encodeURIComponent(pipeline)}`;
}

function reviewLink(endpoint: string, order: StartAction): string {
  const parts = [order.stage, order.action, 'approve', questionOf(order).token];
  return `${consoleLink(endpoint, order.pipeline)}/${parts.map(encodeURIComponent).join('/')}`;
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_TYPES, prefixOfResource, resourceOfEvent, typesOfEvent } from './event-types.ts';
import { hasEnded, noticeDecider, type Notice } from './notice.ts';

const scope = { region: 'us-east-1', account: '123456789012' };
const heard = (source: string, detailType: string, detail: Record<string, unknown>, resources = ['arn']) => ({
  source,
  detailType,
  detail,
  resources,
});

test('every event type has its id, service, resource type and name', () => {
  assert.equal(EVENT_TYPES.length, 38);
  assert.deepEqual(EVENT_TYPES[0], {
    id: 'codepipeline-pipeline-action-execution-succeeded',
    service: 'CodePipeline',
    resourceType: 'Pipeline',
    name: 'Action execution: Succeeded',
  });
  assert.equal(new Set(EVENT_TYPES.map(({ id }) => id)).size, EVENT_TYPES.length);
});

test('an event is of the types that rules ask for', () => {
  const pipeline = (what: string, detail: Record<string, unknown>) =>
    typesOfEvent(heard('aws.codepipeline', `CodePipeline ${what} Execution State Change`, detail));
  assert.deepEqual(pipeline('Pipeline', { state: 'SUPERSEDED' }), [
    'codepipeline-pipeline-pipeline-execution-superseded',
  ]);
  assert.deepEqual(pipeline('Stage', { state: 'CANCELED' }), [
    'codepipeline-pipeline-stage-execution-canceled',
  ]);
  assert.deepEqual(pipeline('Action', { state: 'STARTED', type: { category: 'Approval' } }), [
    'codepipeline-pipeline-action-execution-started',
    'codepipeline-pipeline-manual-approval-needed',
  ]);
  assert.deepEqual(pipeline('Pipeline', { state: 'STOPPING' }), []);
  assert.deepEqual(
    typesOfEvent(heard('aws.codebuild', 'CodeBuild Build State Change', { 'build-status': 'IN_PROGRESS' })),
    ['codebuild-project-build-state-in-progress'],
  );
  assert.deepEqual(
    typesOfEvent(
      heard('aws.codedeploy', 'CodeDeploy Deployment State-change Notification', { state: 'FAILURE' }),
    ),
    ['codedeploy-application-deployment-failed'],
  );
  assert.deepEqual(
    typesOfEvent(
      heard('aws.codecommit', 'CodeCommit Repository State Change', { event: 'referenceCreated' }),
    ),
    ['codecommit-repository-branches-and-tags-created'],
  );
  assert.deepEqual(typesOfEvent(heard('aws.s3', 'Object Created', {})), []);
});

test('rules and events name the same resource', () => {
  const project = resourceOfEvent(heard('aws.codebuild', '', { 'project-name': 'app' }), scope);
  assert.equal(project, 'arn:aws:codebuild:us-east-1:123456789012:project/app');
  assert.equal(prefixOfResource(project), 'codebuild-project');
  const application = resourceOfEvent(heard('aws.codedeploy', '', { application: 'app' }), scope);
  assert.equal(prefixOfResource(application), 'codedeploy-application');
  assert.equal(prefixOfResource('arn:aws:codepipeline:us-east-1:123456789012:app'), 'codepipeline-pipeline');
  assert.equal(prefixOfResource('arn:aws:codepipeline:us-east-1:123456789012:webhook:x'), undefined);
  assert.equal(prefixOfResource('arn:aws:s3:::bucket'), undefined);
});

test('a notice tells each target once, also when the event is heard twice', () => {
  const stamp = { at: 1, chance: '0'.repeat(32) };
  const notice = heard('aws.x', 'X', {}) as unknown as Notice;
  const event = { type: 'EventHeard', notice, targets: ['a', 'b'], ...stamp } as const;
  const first = noticeDecider.decide(undefined, event);
  assert.deepEqual(
    first.effects.map(({ target }) => target),
    ['a', 'b'],
  );
  assert.deepEqual(noticeDecider.decide(first.state, event), { state: first.state, effects: [] });
  const told = noticeDecider.decide(first.state, { type: 'TargetTold', target: 'a', ...stamp });
  const late = noticeDecider.decide(told.state, { type: 'TargetRefused', target: 'a', reason: '', ...stamp });
  assert.deepEqual(late, { state: told.state, effects: [] });
  const failed = {
    type: 'EffectFailed',
    effectType: 'TellTarget',
    effect: { target: 'b' },
    message: '',
  } as const;
  const ended = noticeDecider.decide(told.state, { ...failed, ...stamp });
  assert.deepEqual(ended.state, { targets: { a: 'told', b: 'failed' } });
  assert.ok(ended.state && hasEnded(ended.state));
});

/**
 * The rules of declarations that the table of the API holds: lengths, patterns, counts, enumerations. Every row of
 * "Names, lengths, counts" with the text that a caller gets; the rules of the room are in `core/pipeline`.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { present } from '#base/assert.ts';
import { isFault } from '#base/fault.ts';
import { loadModel } from '#wire/model.ts';
import { validateInput } from '#wire/validate.ts';

const model = loadModel('codepipeline');
const operation = present(model.operations.get('CreatePipeline'), 'CreatePipeline');

const id = { category: 'Build', owner: 'AWS', provider: 'CodeBuild', version: '1' };
const ruleTypeId = { category: 'Rule', owner: 'AWS', provider: 'Commands', version: '1' };
const source = { name: 'A', actionTypeId: { ...id, category: 'Source', provider: 'CodeCommit' } };

/** A pipeline with two stages, the second with one action; everything can be replaced. */
function pipeline(more: object = {}): object {
  return {
    name: 'p',
    roleArn: 'arn:aws:iam::123456789012:role/r',
    artifactStore: { type: 'S3', location: 'bucket' },
    stages: [{ name: 'S1', actions: [source] }, stage()],
    ...more,
  };
}
function stage(more: object = {}): object {
  return { name: 'S2', actions: [action()], ...more };
}
function action(more: object = {}): object {
  return { name: 'B', actionTypeId: id, ...more };
}
const withStage = (more: object) => pipeline({ stages: [{ name: 'S1', actions: [source] }, stage(more)] });
const withAction = (more: object) => withStage({ actions: [action(more)] });
const withRule = (more: object) =>
  withStage({ onSuccess: { conditions: [{ rules: [{ name: 'R', ruleTypeId, ...more }] }] } });
const many = (count: number, make: (index: number) => unknown) =>
  Array.from({ length: count }, (_, i) => make(i));
const trigger = (more: object = {}, gitConfiguration: object = {}) => ({
  providerType: 'CodeStarSourceConnection',
  gitConfiguration: { sourceActionName: 'A', ...gitConfiguration },
  ...more,
});
const withTrigger = (git: object) => pipeline({ triggers: [trigger({}, git)] });

const A = 'pipeline.stages.2.member.actions.1.member';
const R = 'pipeline.stages.2.member.onSuccess.conditions.1.member.rules.1.member';
const G = 'pipeline.triggers.1.member.gitConfiguration';
const atMost = (count: number) => `Member must have length less than or equal to ${count}`;
const atLeast = (count: number) => `Member must have length greater than or equal to ${count}`;
const noMore = (count: number) => `Member must have value less than or equal to ${count}`;
const noLess = (count: number) => `Member must have value greater than or equal to ${count}`;
const pattern = (text: string) => `Member must satisfy regular expression pattern: ${text}`;
const NAME = pattern('[A-Za-z0-9.@\\-_]+');

/** What is wrong, the path that is told, and the constraint. */
const table: readonly (readonly [string, object, string, string])[] = [
  ['pipeline name', pipeline({ name: 'a b' }), 'pipeline.name', NAME],
  ['length of a pipeline name', pipeline({ name: 'x'.repeat(101) }), 'pipeline.name', atMost(100)],
  ['no name', pipeline({ name: undefined }), 'pipeline.name', 'Member must not be null'],
  ['stage name', withStage({ name: 'a/b' }), 'pipeline.stages.2.member.name', NAME],
  ['action name', withAction({ name: 'ä' }), `${A}.name`, NAME],
  ['rule name', withRule({ name: '#' }), `${R}.name`, NAME],
  [
    'artifact name',
    withAction({ outputArtifacts: [{ name: 'a.b' }] }),
    `${A}.outputArtifacts.1.member.name`,
    pattern('[a-zA-Z0-9_\\-]+'),
  ],
  ['namespace', withAction({ namespace: 'a.b' }), `${A}.namespace`, pattern('[A-Za-z0-9@\\-_]+')],
  [
    'provider',
    withAction({ actionTypeId: { ...id, provider: 'x'.repeat(36) } }),
    `${A}.actionTypeId.provider`,
    atMost(35),
  ],
  [
    'version',
    withAction({ actionTypeId: { ...id, version: '1234567890' } }),
    `${A}.actionTypeId.version`,
    atMost(9),
  ],
  [
    'category',
    withAction({ actionTypeId: { ...id, category: 'Bake' } }),
    `${A}.actionTypeId.category`,
    'Member must satisfy enum value set: [Source, Build, Deploy, Test, Invoke, Approval, Compute]',
  ],
  [
    'configuration key',
    withAction({ configuration: { ['k'.repeat(51)]: 'v' } }),
    `${A}.configuration`,
    `Map keys must satisfy constraint: [${atMost(50)}, ${atLeast(1)}]`,
  ],
  [
    'empty configuration value',
    withAction({ configuration: { k: '' } }),
    `${A}.configuration`,
    `Map value must satisfy constraint: [${atMost(50_000)}, ${atLeast(1)}]`,
  ],
  [
    'configuration value',
    withAction({ configuration: { k: 'x'.repeat(50_001) } }),
    `${A}.configuration`,
    `Map value must satisfy constraint: [${atMost(50_000)}, ${atLeast(1)}]`,
  ],
  [
    'rule configuration value',
    withRule({ configuration: { k: 'x'.repeat(10_001) } }),
    `${R}.configuration`,
    `Map value must satisfy constraint: [${atMost(10_000)}, ${atLeast(1)}]`,
  ],
  [
    'rule configuration entries',
    withRule({ configuration: Object.fromEntries(many(201, (i) => [`k${i}`, 'v']) as [string, string][]) }),
    `${R}.configuration`,
    atMost(200),
  ],
  ['run order', withAction({ runOrder: 0 }), `${A}.runOrder`, noLess(1)],
  ['highest run order', withAction({ runOrder: 1000 }), `${A}.runOrder`, noMore(999)],
  ['timeout', withAction({ timeoutInMinutes: 4 }), `${A}.timeoutInMinutes`, noLess(5)],
  ['longest timeout', withAction({ timeoutInMinutes: 86_401 }), `${A}.timeoutInMinutes`, noMore(86_400)],
  ['timeout of a rule', withRule({ timeoutInMinutes: 4 }), `${R}.timeoutInMinutes`, noLess(5)],
  ['commands', withAction({ commands: many(51, () => 'ls') }), `${A}.commands`, atMost(50)],
  ['no command', withAction({ commands: [] }), `${A}.commands`, atLeast(1)],
  [
    'length of a command',
    withAction({ commands: ['x'.repeat(1001)] }),
    `${A}.commands`,
    `Member must satisfy constraint: [${atMost(1000)}, ${atLeast(1)}]`,
  ],
  [
    'files',
    withAction({ outputArtifacts: [{ name: 'o', files: many(11, (i) => `${i}`) }] }),
    `${A}.outputArtifacts.1.member.files`,
    atMost(10),
  ],
  [
    'output variables',
    withAction({ outputVariables: many(16, (i) => `V${i}`) }),
    `${A}.outputVariables`,
    atMost(15),
  ],
  [
    'environment variables',
    withAction({ environmentVariables: many(11, (i) => ({ name: `v${i}`, value: 'x' })) }),
    `${A}.environmentVariables`,
    atMost(10),
  ],
  [
    'name of an environment variable',
    withAction({ environmentVariables: [{ name: 'a-b', value: 'x' }] }),
    `${A}.environmentVariables.1.member.name`,
    pattern('[A-Za-z0-9_]+'),
  ],
  [
    'type of an environment variable',
    withAction({ environmentVariables: [{ name: 'a', value: 'x', type: 'PARAMETER_STORE' }] }),
    `${A}.environmentVariables.1.member.type`,
    'Member must satisfy enum value set: [PLAINTEXT, SECRETS_MANAGER]',
  ],
  [
    'variables',
    pipeline({ variables: many(51, (i) => ({ name: `v${i}` })) }),
    'pipeline.variables',
    atMost(50),
  ],
  [
    'name of a variable',
    pipeline({ variables: [{ name: 'a.b' }] }),
    'pipeline.variables.1.member.name',
    pattern('[A-Za-z0-9@\\-_]+'),
  ],
  [
    'default of a variable',
    pipeline({ variables: [{ name: 'v', defaultValue: '' }] }),
    'pipeline.variables.1.member.defaultValue',
    atLeast(1),
  ],
  [
    'description of a variable',
    pipeline({ variables: [{ name: 'v', description: 'x'.repeat(201) }] }),
    'pipeline.variables.1.member.description',
    atMost(200),
  ],
  ['triggers', pipeline({ triggers: many(51, () => trigger()) }), 'pipeline.triggers', atMost(50)],
  [
    'provider of a trigger',
    pipeline({ triggers: [trigger({ providerType: 'Other' })] }),
    'pipeline.triggers.1.member.providerType',
    'Member must satisfy enum value set: [CodeStarSourceConnection]',
  ],
  ['push filters', withTrigger({ push: many(4, () => ({})) }), `${G}.push`, atMost(3)],
  ['pull request filters', withTrigger({ pullRequest: [] }), `${G}.pullRequest`, atLeast(1)],
  [
    'patterns',
    withTrigger({ push: [{ branches: { includes: many(9, () => 'x') } }] }),
    `${G}.push.1.member.branches.includes`,
    atMost(8),
  ],
  [
    'length of a pattern',
    withTrigger({ push: [{ tags: { excludes: ['x'.repeat(256)] } }] }),
    `${G}.push.1.member.tags.excludes`,
    `Member must satisfy constraint: [${atMost(255)}, ${atLeast(1)}]`,
  ],
  [
    'pull request events',
    withTrigger({ pullRequest: [{ events: many(4, () => 'OPEN') }] }),
    `${G}.pullRequest.1.member.events`,
    atMost(3),
  ],
  [
    'conditions',
    withStage({ beforeEntry: { conditions: many(2, () => ({})) } }),
    'pipeline.stages.2.member.beforeEntry.conditions',
    atMost(1),
  ],
  [
    'rules',
    withStage({ beforeEntry: { conditions: [{ rules: many(6, (i) => ({ name: `R${i}`, ruleTypeId })) }] } }),
    'pipeline.stages.2.member.beforeEntry.conditions.1.member.rules',
    atMost(5),
  ],
  [
    'bucket',
    pipeline({ artifactStore: { type: 'S3', location: 'bucket/folder' } }),
    'pipeline.artifactStore.location',
    pattern('[a-zA-Z0-9\\-\\.]+'),
  ],
  [
    'encryption key',
    pipeline({ artifactStore: { type: 'S3', location: 'bucket', encryptionKey: { id: 'k', type: 'RSA' } } }),
    'pipeline.artifactStore.encryptionKey.type',
    'Member must satisfy enum value set: [KMS]',
  ],
  [
    'role',
    pipeline({ roleArn: 'arn:aws:iam::1:role/r' }),
    'pipeline.roleArn',
    pattern('arn:aws(-[\\w]+)*:iam::[0-9]{12}:role/.*'),
  ],
  ['region', withAction({ region: 'eu' }), `${A}.region`, atLeast(4)],
];

for (const [name, given, path, constraint] of table) {
  test(`${name}: ${path}`, () => {
    assert.throws(
      () => validateInput(model, operation, { pipeline: given }),
      (error) => {
        assert.ok(isFault(error, 'ValidationException'), String(error));
        const [, count, at, text] =
          /^(\d+) validation errors? detected: Value .* at '([^']+)' failed to satisfy constraint: (.*)$/s.exec(
            error.message,
          ) ?? [];
        assert.deepEqual([count, at, text], ['1', path, constraint], error.message);
        return true;
      },
    );
  });
}

test('a declaration that breaks nothing is accepted', () => {
  validateInput(model, operation, { pipeline: pipeline() });
});

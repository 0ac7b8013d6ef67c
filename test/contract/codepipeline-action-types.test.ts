/** Action types whose work is done by workers, through the official client: custom ones, and those of third parties. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type CreateCustomActionTypeInput } from '@aws-sdk/client-codepipeline';
import { readRegistrations } from '#services/codepipeline/registered-types.ts';
import { customAction, ended, idOf, typeOf } from '#test/support/custom-actions.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { CLIENT, declarationOf, PARTNER, registerPartner, registrationPath } from '#test/support/partner.ts';
import { createPipelines, type Pipelines, stageOf } from '#test/support/pipelines.ts';

let house: TestHouse;
let pipelines: Pipelines;
before(async () => {
  house = await createTestHouse();
  await registerPartner(house);
  pipelines = await createPipelines(house);
});
after(async () => {
  pipelines.close();
  await house.close();
});

test('a type is made once, found again, deleted, and made live again by the same definition', async () => {
  const input = typeOf('Maker', {
    settings: { entityUrlTemplate: 'https://x/{Config:Target}' },
    tags: [{ key: 'team', value: 'a' }],
  });
  const { actionType, tags } = await pipelines.codepipeline.createCustomActionType(input);
  assert.deepEqual(actionType?.id, idOf('Maker'));
  assert.deepEqual(actionType?.settings, { entityUrlTemplate: 'https://x/{Config:Target}' });
  assert.deepEqual(
    actionType?.actionConfigurationProperties?.map(({ name, required, secret }) => [name, required, secret]),
    [
      ['Target', true, false],
      ['Password', false, true],
    ],
  );
  assert.deepEqual(tags, [{ key: 'team', value: 'a' }]);
  const again = await pipelines.codepipeline.createCustomActionType({ ...input, tags: undefined });
  assert.deepEqual(again.actionType, actionType);
  assert.deepEqual(again.tags, [{ key: 'team', value: 'a' }]);
  const other = { ...input, inputArtifactDetails: { minimumCount: 1, maximumCount: 1 } };
  const inUse = { name: 'ValidationException', message: /already exists with another definition/ };
  await assert.rejects(pipelines.codepipeline.createCustomActionType(other), inUse);

  const id = { category: 'Build', provider: 'Maker', version: '1' } as const;
  const listed = async () => {
    const { actionTypes = [] } = await pipelines.codepipeline.listActionTypes({
      actionOwnerFilter: 'Custom',
    });
    return actionTypes.some((type) => type.id?.provider === 'Maker');
  };
  assert.equal(await listed(), true);
  await pipelines.codepipeline.deleteCustomActionType(id);
  await pipelines.codepipeline.deleteCustomActionType(id);
  assert.equal(await listed(), false);
  await assert.rejects(pipelines.codepipeline.pollForJobs({ actionTypeId: idOf('Maker') }), {
    name: 'ActionTypeNotFoundException',
  });
  await assert.rejects(pipelines.codepipeline.createCustomActionType(other), inUse);
  await pipelines.codepipeline.createCustomActionType(input);
  assert.equal(await listed(), true);
});

test('what is wrong in a definition is refused', async () => {
  const property = { name: 'Q', required: true, key: true, secret: false, queryable: true };
  const template = (entityUrlTemplate: string) => ({ settings: { entityUrlTemplate } });
  const wrong: readonly (readonly [Partial<CreateCustomActionTypeInput>, RegExp])[] = [
    [{ category: 'Approval' }, /cannot be of category Approval/],
    [{ category: 'Compute' }, /cannot be of category Compute/],
    [{ inputArtifactDetails: { minimumCount: 2, maximumCount: 1 } }, /minimum count of input artifacts/],
    [{ configurationProperties: [property, { ...property, name: 'R' }] }, /At most one property/],
    [{ configurationProperties: [{ ...property, required: false }] }, /must be required and not secret/],
    [{ configurationProperties: [{ ...property, secret: true }] }, /must be required and not secret/],
    [{ configurationProperties: [property, property] }, /Q is there twice/],
    [template('https://x/{Config:Password}'), /\{Config:Password\} in entityUrlTemplate stands for nothing/],
    [template('https://x/{Job}'), /\{Job\} in entityUrlTemplate stands for nothing/],
    [{ outputArtifactDetails: { minimumCount: 0, maximumCount: 6 } }, /less than or equal to 5/],
  ];
  for (const [change, message] of wrong) {
    const refusal = pipelines.codepipeline.createCustomActionType(typeOf('Wrong', change));
    await assert.rejects(refusal, { name: 'ValidationException', message });
  }
  await assert.rejects(
    pipelines.codepipeline.createCustomActionType(typeOf('Wrong', { tags: [{ key: 'aws:x', value: '' }] })),
    { name: 'InvalidTagsException' },
  );
});

test('tags are on the ARN of the type, in both spellings', async () => {
  await pipelines.codepipeline.createCustomActionType(typeOf('Tagged'));
  const arn = (kind: string) => `arn:aws:codepipeline:us-east-1:123456789012:${kind}:Custom/Build/Tagged/1`;
  await pipelines.codepipeline.tagResource({
    resourceArn: arn('actiontype'),
    tags: [{ key: 'a', value: '1' }],
  });
  assert.deepEqual(
    (await pipelines.codepipeline.listTagsForResource({ resourceArn: arn('actionType') })).tags,
    [{ key: 'a', value: '1' }],
  );
  await pipelines.codepipeline.untagResource({ resourceArn: arn('actiontype'), tagKeys: ['a'] });
  assert.deepEqual(
    (await pipelines.codepipeline.listTagsForResource({ resourceArn: arn('actiontype') })).tags,
    [],
  );
  const unknown = pipelines.codepipeline.listTagsForResource({
    resourceArn: arn('actiontype').replace('Tagged', 'No'),
  });
  await assert.rejects(unknown, { name: 'ResourceNotFoundException' });
});

test('an account has at most fifty', async () => {
  const { actionTypes = [] } = await pipelines.codepipeline.listActionTypes({ actionOwnerFilter: 'Custom' });
  for (let count = actionTypes.length; count < 50; count++) {
    await pipelines.codepipeline.createCustomActionType(typeOf(`Many${count}`));
  }
  await assert.rejects(pipelines.codepipeline.createCustomActionType(typeOf('OneMore')), {
    name: 'LimitExceededException',
  });
  for (let count = actionTypes.length; count < 50; count++) {
    await pipelines.codepipeline.deleteCustomActionType({
      category: 'Build',
      provider: `Many${count}`,
      version: '1',
    });
  }
});

test('an action whose type was deleted fails when it starts', async () => {
  await pipelines.codepipeline.createCustomActionType(typeOf('Gone'));
  const execution = await pipelines.create('gone', [
    { name: 'S2', actions: [...(stageOf('S2', 'Ask').actions ?? []), customAction('Gone', { runOrder: 2 })] },
  ]);
  await pipelines.codepipeline.deleteCustomActionType({ category: 'Build', provider: 'Gone', version: '1' });
  await pipelines.answer('gone', execution, 'Ask', 'Approved');
  const run = await ended(pipelines, 'gone', execution);
  assert.equal(run.output?.executionResult?.errorDetails?.code, 'ConfigurationError');
  assert.match(
    run.output?.executionResult?.errorDetails?.message ?? '',
    /Provider: 'Gone'.*is not available/,
  );
});

test('a registered type is shown, listed and updated, but not made stricter for everybody', async () => {
  const { actionType } = await pipelines.codepipeline.getActionType(PARTNER);
  assert.deepEqual(actionType, declarationOf());
  const { actionTypes = [] } = await pipelines.codepipeline.listActionTypes({
    actionOwnerFilter: 'ThirdParty',
  });
  assert.ok(actionTypes.some(({ id }) => id?.provider === PARTNER.provider));
  await pipelines.codepipeline.updateActionType({ actionType: declarationOf({ description: 'probes' }) });
  assert.equal((await pipelines.codepipeline.getActionType(PARTNER)).actionType?.description, 'probes');
  const [target, key] = declarationOf().properties ?? [];
  assert.ok(target && key);
  const stricter = declarationOf({ properties: [target, { ...key, optional: false }] });
  await assert.rejects(pipelines.codepipeline.updateActionType({ actionType: stricter }), {
    name: 'ValidationException',
    message: /ApiKey of a public type cannot become required/,
  });
  const unknown = { ...PARTNER, provider: 'Nobody' };
  await assert.rejects(pipelines.codepipeline.getActionType(unknown), {
    name: 'ActionTypeNotFoundException',
  });
  const lambda = { type: 'Lambda', configuration: {} } as const;
  await assert.rejects(
    pipelines.codepipeline.updateActionType({ actionType: declarationOf({ executor: lambda }) }),
    {
      name: 'ValidationException',
      message: /only executors of type JobWorker/,
    },
  );
});

test('a wrong registration stops the start, with what is wrong', async () => {
  const path = registrationPath(house);
  const entry = { declaration: declarationOf(), ...CLIENT };
  const custom = { ...entry, declaration: { ...declarationOf(), id: { ...PARTNER, owner: 'Custom' } } };
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['{', /is not JSON/],
    ['{}', /must be a JSON array/],
    [JSON.stringify([{ ...entry, clientId: 'me' }]), /entry 1: clientId must be a UUID/],
    [JSON.stringify([entry, { ...entry, clientToken: '' }]), /entry 2: clientToken must be a text/],
    [JSON.stringify([custom]), /the owner of the declaration must be ThirdParty/],
    [JSON.stringify([{ ...entry, declaration: declarationOf({ executor: undefined }) }]), /executor/],
  ];
  for (const [text, message] of wrong) {
    writeFileSync(path, text);
    await assert.rejects(readRegistrations({ ...house.slipway.house }), { message });
  }
  writeFileSync(path, JSON.stringify([entry]));
  await readRegistrations(house.slipway.house);
});

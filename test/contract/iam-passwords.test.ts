/** Passwords of users through the real SDK, what rests of them, and the simulator with policies of resources. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { IAM } from '@aws-sdk/client-iam';
import { CloudTrail } from '@aws-sdk/client-cloudtrail';
import { isFault } from '#base/fault.ts';
import { present } from '#base/assert.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';

const FIRST = 'First-Passw0rd';
const SECOND = 'Second-Passw0rd';
const THIRD = 'Third-Passw0rd';

let house: TestHouse;
let iam: IAM;
const clock = createMovableClock();
before(async () => {
  house = await createTestHouse({ clock });
  iam = new IAM(client());
});
after(() => house.close());

function client(credentials: { accessKeyId: string; secretAccessKey: string } = house.credentials) {
  const { endpoint, region } = house;
  return { endpoint, region, credentials, maxAttempts: 1, systemClockOffset: clock.aheadMs };
}

async function createUser(name: string): Promise<IAM> {
  await iam.createUser({ UserName: name });
  const { AccessKey: key } = await iam.createAccessKey({ UserName: name });
  const { AccessKeyId: accessKeyId = '', SecretAccessKey: secretAccessKey = '' } = key ?? {};
  return new IAM(client({ accessKeyId, secretAccessKey }));
}

const identities = () =>
  present(house.slipway.rooms.find((room) => room.name === 'iam')?.identities, 'identities');

async function signIn(name: string, password: string): Promise<string> {
  try {
    const found = await identities().byPassword(name, password);
    return found ? `${found.principal.type}${found.mustChange ? ', must change' : ''}` : 'wrong';
  } catch (error) {
    if (!isFault(error)) throw error;
    return error.code;
  }
}

test('a password is made, shown to nobody, changed by its user, and taken away', async () => {
  const ann = await createUser('ann');
  await assert.rejects(iam.getLoginProfile({ UserName: 'ann' }), {
    name: 'NoSuchEntityException',
    message: 'Login Profile for User ann cannot be found.',
  });
  await assert.rejects(iam.createLoginProfile({ UserName: 'ann', Password: 'short' }), {
    name: 'PasswordPolicyViolationException',
    message: 'Password should have a minimum length of 8',
  });
  const { LoginProfile: made } = await iam.createLoginProfile({
    UserName: 'ann',
    Password: FIRST,
    PasswordResetRequired: true,
  });
  assert.deepEqual([made?.UserName, made?.PasswordResetRequired], ['ann', true]);
  await assert.rejects(iam.createLoginProfile({ UserName: 'ann', Password: FIRST }), {
    name: 'EntityAlreadyExistsException',
  });
  assert.equal(await signIn('ann', FIRST), 'user, must change');
  assert.equal(await signIn('ANN', `${FIRST}x`), 'wrong');
  await assert.rejects(ann.changePassword({ OldPassword: FIRST, NewPassword: SECOND }), {
    name: 'AccessDenied',
  });
  const own = {
    Effect: 'Allow',
    Action: 'iam:ChangePassword',
    Resource: 'arn:aws:iam::*:user/${aws:username}',
  };
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: own });
  await iam.putUserPolicy({ UserName: 'ann', PolicyName: 'own', PolicyDocument });
  await assert.rejects(ann.changePassword({ OldPassword: SECOND, NewPassword: THIRD }), {
    name: 'AccessDenied',
    message: 'The old password was incorrect.',
  });
  await ann.changePassword({ OldPassword: FIRST, NewPassword: SECOND });
  assert.equal(await signIn('ann', SECOND), 'user');
  assert.equal(await signIn('ann', FIRST), 'wrong');
  await iam.updateLoginProfile({ UserName: 'ann', Password: THIRD, PasswordResetRequired: true });
  assert.equal(await signIn('ann', THIRD), 'user, must change');
  await assert.rejects(iam.changePassword({ OldPassword: THIRD, NewPassword: FIRST }), {
    name: 'InvalidUserTypeException',
  });
  await iam.deleteUserPolicy({ UserName: 'ann', PolicyName: 'own' });
  const [key] = (await iam.listAccessKeys({ UserName: 'ann' })).AccessKeyMetadata ?? [];
  await iam.deleteAccessKey({ UserName: 'ann', AccessKeyId: key?.AccessKeyId });
  await assert.rejects(iam.deleteUser({ UserName: 'ann' }), {
    name: 'DeleteConflictException',
    message: 'Cannot delete entity, must delete login profile first.',
  });
  await iam.deleteLoginProfile({ UserName: 'ann' });
  assert.equal(await signIn('ann', THIRD), 'wrong');
  await iam.deleteUser({ UserName: 'ann' });
});

test('the rules of the account count for new passwords and for how old they are', async () => {
  await assert.rejects(iam.getAccountPasswordPolicy({}), { name: 'NoSuchEntityException' });
  await iam.updateAccountPasswordPolicy({
    MinimumPasswordLength: 12,
    RequireSymbols: true,
    PasswordReusePrevention: 2,
    MaxPasswordAge: 90,
    AllowUsersToChangePassword: true,
  });
  const { PasswordPolicy: shown } = await iam.getAccountPasswordPolicy({});
  assert.deepEqual(shown, {
    MinimumPasswordLength: 12,
    RequireSymbols: true,
    RequireNumbers: false,
    RequireUppercaseCharacters: false,
    RequireLowercaseCharacters: false,
    AllowUsersToChangePassword: true,
    ExpirePasswords: true,
    MaxPasswordAge: 90,
    PasswordReusePrevention: 2,
    HardExpiry: false,
  });
  const bob = await createUser('bob');
  await iam.createLoginProfile({ UserName: 'bob', Password: FIRST });
  await bob.changePassword({ OldPassword: FIRST, NewPassword: SECOND });
  await assert.rejects(bob.changePassword({ OldPassword: SECOND, NewPassword: FIRST }), {
    name: 'PasswordPolicyViolationException',
    message: 'Password should not have been used before.',
  });
  await bob.changePassword({ OldPassword: SECOND, NewPassword: THIRD });
  await bob.changePassword({ OldPassword: THIRD, NewPassword: FIRST });
  assert.equal(await signIn('bob', FIRST), 'user');
  clock.advance(90 * 86_400_000);
  assert.equal(await signIn('bob', FIRST), 'user, must change');
  iam = new IAM(client());
  await iam.deleteAccountPasswordPolicy({});
  await assert.rejects(iam.deleteAccountPasswordPolicy({}), { name: 'NoSuchEntityException' });
});

test('whoever guesses has to wait, and a right password afterwards too', async () => {
  await createUser('eve');
  await iam.createLoginProfile({ UserName: 'eve', Password: FIRST });
  for (let i = 0; i < 10; i++) assert.equal(await signIn('eve', `guess-${i}`), 'wrong');
  assert.equal(await signIn('eve', FIRST), 'ThrottlingException');
  assert.equal(await signIn('bob', FIRST), 'user', 'others do not wait');
  clock.advance(300_001);
  assert.equal(await signIn('eve', FIRST), 'user');
});

test('no password rests in any file, and none in a record', async () => {
  iam = new IAM(client());
  const { Events = [] } = await new CloudTrail(client()).lookupEvents({});
  const records = Events.map((event) => event.CloudTrailEvent ?? '').join('');
  assert.ok(records.includes('CreateLoginProfile'));
  const files = readdirSync(house.directory, { recursive: true, withFileTypes: true }).filter((file) =>
    file.isFile(),
  );
  const bytes = files.map((file) => readFileSync(join(file.parentPath, file.name)).toString('latin1'));
  for (const password of [FIRST, SECOND, THIRD]) {
    assert.ok(!records.includes(password));
    assert.ok(!bytes.some((text) => text.includes(password)), `${password} rests nowhere`);
  }
});

test('the simulator takes the policy of a resource into account, and who calls', async () => {
  const caller = `arn:aws:iam::${house.account}:user/zoe`;
  const resource = 'arn:aws:s3:::shared/a';
  const statement = (fields: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: { Action: 's3:*', Resource: '*', ...fields } });
  const simulate = async (more: object) => {
    const { EvaluationResults: [result] = [] } = await iam.simulateCustomPolicy({
      PolicyInputList: [statement({ Effect: 'Allow', Resource: 'arn:aws:s3:::own/*' })],
      ActionNames: ['s3:GetObject'],
      ResourceArns: [resource],
      ...more,
    });
    return [result?.EvalDecision, result?.MatchedStatements?.[0]?.SourcePolicyId];
  };
  const grants = statement({ Effect: 'Allow', Principal: { AWS: caller } });
  const denies = statement({ Effect: 'Deny', Principal: '*' });
  assert.deepEqual(await simulate({}), ['implicitDeny', undefined]);
  assert.deepEqual(await simulate({ ResourcePolicy: grants, CallerArn: caller }), [
    'allowed',
    'ResourcePolicy',
  ]);
  assert.deepEqual(await simulate({ ResourcePolicy: grants, CallerArn: `${caller}2` }), [
    'implicitDeny',
    undefined,
  ]);
  assert.deepEqual(await simulate({ ResourcePolicy: denies, CallerArn: caller }), [
    'explicitDeny',
    'ResourcePolicy',
  ]);
  const foreign = {
    ResourcePolicy: grants,
    CallerArn: caller,
    ResourceOwner: 'arn:aws:iam::999999999999:root',
  };
  assert.deepEqual(
    await simulate(foreign),
    ['implicitDeny', undefined],
    'across accounts both sides must allow',
  );
  await assert.rejects(simulate({ ResourcePolicy: grants }), { name: 'InvalidInputException' });
});

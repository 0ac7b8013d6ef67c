/** What tools keep in IAM beside users and roles: SSH keys, instance profiles, service-linked roles, uses of keys. */

import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import { IAM } from '@aws-sdk/client-iam';
import { STS } from '@aws-sdk/client-sts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let iam: IAM;
before(async () => {
  house = await createTestHouse();
  iam = new IAM(client());
  await iam.createUser({ UserName: 'ann' });
});
after(() => house.close());

function client(credentials: { accessKeyId: string; secretAccessKey: string } = house.credentials) {
  return { endpoint: house.endpoint, region: house.region, credentials, maxAttempts: 1 };
}

/** As ssh-keygen writes it. */
function sshLine(pem: string): string {
  const { n = '', e = '' } = createPublicKey(pem).export({ format: 'jwk' });
  const field = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const modulus = Buffer.concat([Buffer.from([0]), Buffer.from(n, 'base64url')]);
  const fields = [Buffer.from('ssh-rsa'), Buffer.from(e, 'base64url'), modulus].map(field);
  return `ssh-rsa ${Buffer.concat(fields).toString('base64')}`;
}

const pemOf = (bits: number) =>
  generateKeyPairSync('rsa', { modulusLength: bits })
    .publicKey.export({ type: 'spki', format: 'pem' })
    .toString();

test('SSH keys are kept in both spellings, checked, and deleted before their user', async () => {
  const pem = pemOf(2048);
  const line = sshLine(pem);
  const { SSHPublicKey: made } = await iam.uploadSSHPublicKey({
    UserName: 'ann',
    SSHPublicKeyBody: `${line} ann@host`,
  });
  assert.match(made?.SSHPublicKeyId ?? '', /^APKA[A-Z2-7]{17}$/);
  assert.match(made?.Fingerprint ?? '', /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
  const id = { UserName: 'ann', SSHPublicKeyId: made?.SSHPublicKeyId ?? '' };
  assert.equal((await iam.getSSHPublicKey({ ...id, Encoding: 'PEM' })).SSHPublicKey?.SSHPublicKeyBody, pem);
  assert.equal(
    (await iam.getSSHPublicKey({ ...id, Encoding: 'SSH' })).SSHPublicKey?.SSHPublicKeyBody,
    `${line} ann@host`,
  );
  const upload = (SSHPublicKeyBody: string) => iam.uploadSSHPublicKey({ UserName: 'ann', SSHPublicKeyBody });
  await assert.rejects(upload(pem), { name: 'DuplicateSSHPublicKeyException' });
  await assert.rejects(upload(sshLine(pemOf(1024))), { name: 'InvalidPublicKeyException' });
  await assert.rejects(upload('ssh-rsa AAAA'), { name: 'InvalidPublicKeyException' });
  await assert.rejects(upload('ssh-ed25519 AAAA'), { name: 'UnrecognizedPublicKeyEncodingException' });
  const { SSHPublicKey: other } = await upload(pemOf(2048));
  assert.match(other?.SSHPublicKeyBody ?? '', /^ssh-rsa AAAAB3NzaC1yc2E/);
  await iam.updateSSHPublicKey({ ...id, Status: 'Inactive' });
  const { SSHPublicKeys: keys } = await iam.listSSHPublicKeys({ UserName: 'ann' });
  assert.deepEqual(keys?.map(({ Status }) => Status).sort(), ['Active', 'Inactive']);
  await assert.rejects(iam.deleteUser({ UserName: 'ann' }), /must delete SSH public keys first/);
  for (const key of keys ?? [])
    await iam.deleteSSHPublicKey({ UserName: 'ann', SSHPublicKeyId: key.SSHPublicKeyId });
  await assert.rejects(iam.deleteSSHPublicKey(id), { name: 'NoSuchEntityException' });
});

test('an instance profile holds one role, which cannot go while it does', async () => {
  const trust = { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' };
  const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: trust });
  for (const RoleName of ['web', 'db']) await iam.createRole({ RoleName, AssumeRolePolicyDocument });
  const InstanceProfileName = 'web';
  const { InstanceProfile: made } = await iam.createInstanceProfile({
    InstanceProfileName,
    Path: '/hosts/',
    Tags: [{ Key: 'a', Value: 'b' }],
  });
  assert.equal(made?.Arn, `arn:aws:iam::${house.account}:instance-profile/hosts/web`);
  assert.match(made?.InstanceProfileId ?? '', /^AIPA/);
  await assert.rejects(iam.createInstanceProfile({ InstanceProfileName: 'WEB' }), {
    name: 'EntityAlreadyExistsException',
  });
  await iam.addRoleToInstanceProfile({ InstanceProfileName, RoleName: 'web' });
  await assert.rejects(iam.addRoleToInstanceProfile({ InstanceProfileName, RoleName: 'db' }), {
    name: 'LimitExceededException',
  });
  const { InstanceProfile: shown } = await iam.getInstanceProfile({ InstanceProfileName });
  assert.deepEqual(
    shown?.Roles?.map(({ RoleName }) => RoleName),
    ['web'],
  );
  assert.deepEqual(shown?.Tags, [{ Key: 'a', Value: 'b' }]);
  const { InstanceProfiles: ofRole } = await iam.listInstanceProfilesForRole({ RoleName: 'web' });
  assert.deepEqual(
    ofRole?.map((each) => each.InstanceProfileName),
    ['web'],
  );
  const { InstanceProfiles: below } = await iam.listInstanceProfiles({ PathPrefix: '/hosts/' });
  assert.equal(below?.length, 1);
  await assert.rejects(iam.deleteRole({ RoleName: 'web' }), /must remove roles from instance profile first/);
  await assert.rejects(iam.deleteInstanceProfile({ InstanceProfileName }), {
    name: 'DeleteConflictException',
  });
  await assert.rejects(iam.removeRoleFromInstanceProfile({ InstanceProfileName, RoleName: 'db' }), {
    name: 'NoSuchEntityException',
  });
  await iam.removeRoleFromInstanceProfile({ InstanceProfileName, RoleName: 'web' });
  await iam.deleteInstanceProfile({ InstanceProfileName });
  await assert.rejects(
    iam.getInstanceProfile({ InstanceProfileName }),
    /Instance Profile web cannot be found/,
  );
});

test('a service-linked role is changed by nobody but its service, and goes by its own operation', async () => {
  const AWSServiceName = 'codestar-notifications.amazonaws.com';
  const { Role: role } = await iam.createServiceLinkedRole({ AWSServiceName });
  assert.equal(role?.Path, `/aws-service-role/${AWSServiceName}/`);
  const RoleName = role?.RoleName ?? '';
  assert.equal(RoleName, 'AWSServiceRoleForCodestarNotifications');
  await assert.rejects(iam.createServiceLinkedRole({ AWSServiceName }), /has been taken in this account/);
  const PolicyArn = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
  const refused = { name: 'UnmodifiableEntityException' };
  await assert.rejects(iam.attachRolePolicy({ RoleName, PolicyArn }), refused);
  await assert.rejects(iam.deleteRole({ RoleName }), refused);
  await assert.rejects(iam.updateAssumeRolePolicy({ RoleName, PolicyDocument: '{}' }), refused);
  await assert.rejects(iam.putRolePermissionsBoundary({ RoleName, PermissionsBoundary: PolicyArn }), refused);
  await iam.updateRoleDescription({ RoleName, Description: 'described' });
  const { DeletionTaskId } = await iam.deleteServiceLinkedRole({ RoleName });
  assert.equal((await iam.getServiceLinkedRoleDeletionStatus({ DeletionTaskId })).Status, 'SUCCEEDED');
  await assert.rejects(
    iam.getServiceLinkedRoleDeletionStatus({ DeletionTaskId: 'task/aws-service-role/none' }),
    { name: 'NoSuchEntityException' },
  );
  await assert.rejects(iam.getRole({ RoleName }), { name: 'NoSuchEntityException' });
});

test('the use of an access key is noted, and of one that was never used it is said', async () => {
  const { AccessKey: key } = await iam.createAccessKey({ UserName: 'ann' });
  const { AccessKeyId: accessKeyId = '', SecretAccessKey: secretAccessKey = '' } = key ?? {};
  const lastUse = async () =>
    (await iam.getAccessKeyLastUsed({ AccessKeyId: accessKeyId })).AccessKeyLastUsed;
  assert.deepEqual(await lastUse(), { ServiceName: 'N/A', Region: 'N/A' });
  await new STS(client({ accessKeyId, secretAccessKey })).getCallerIdentity({});
  const use = await until('the use', 10_000, async () => {
    const found = await lastUse();
    return found?.LastUsedDate ? found : undefined;
  });
  assert.deepEqual([use.ServiceName, use.Region], ['sts', house.region]);
  await assert.rejects(iam.getAccessKeyLastUsed({ AccessKeyId: 'AKIAIOSFODNN7EXAMPLE' }), {
    name: 'NoSuchEntityException',
  });
});

/** KMS as the official JS client sees it: keys and their lives, ciphertexts, data keys, signatures, policies and grants. */

import assert from 'node:assert/strict';
import { createCipheriv, createHash, createPublicKey, verify } from 'node:crypto';
import { after, before, test } from 'node:test';
import * as Iam from '@aws-sdk/client-iam';
import * as K from '@aws-sdk/client-kms';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let kms: K.KMS;

before(async () => {
  house = await createTestHouse();
  kms = clientOf();
});
after(() => house.close());

type Secret = { readonly accessKeyId: string; readonly secretAccessKey: string };

function clientOf(credentials: Secret = house.credentials): K.KMS {
  return new K.KMS({ endpoint: house.endpoint, region: house.region, credentials, maxAttempts: 1 });
}

let users = 0;
/** A user of the account with this policy, or with none. */
async function createUser(...statements: readonly object[]): Promise<{ arn: string; kms: K.KMS }> {
  const { endpoint, region, credentials } = house;
  const iam = new Iam.IAM({ endpoint, region, credentials, maxAttempts: 1 });
  const UserName = `kms-user-${++users}`;
  const { User } = await iam.createUser({ UserName });
  if (statements.length > 0) {
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: statements });
    await iam.putUserPolicy({ UserName, PolicyName: 'p', PolicyDocument });
  }
  const { AccessKey } = await iam.createAccessKey({ UserName });
  const accessKeyId = AccessKey?.AccessKeyId ?? '';
  const secretAccessKey = AccessKey?.SecretAccessKey ?? '';
  return { arn: User?.Arn ?? '', kms: clientOf({ accessKeyId, secretAccessKey }) };
}

async function createKey(input: Partial<K.CreateKeyCommandInput> = {}): Promise<K.KeyMetadata> {
  const { KeyMetadata } = await kms.createKey(input);
  assert.ok(KeyMetadata);
  return KeyMetadata;
}

async function failure(work: Promise<unknown>): Promise<string> {
  return (await refusal(work)).name;
}

async function refusal(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    return error as Error;
  }
  assert.fail('it should have been refused');
}

const text = (value: string) => new TextEncoder().encode(value);
const plain = (answer: { Plaintext?: Uint8Array | undefined }) =>
  new TextDecoder().decode(answer.Plaintext ?? new Uint8Array());

test('a key is described as it was made, found by id, ARN, alias and alias ARN, and listed', async () => {
  const key = await createKey({ Description: 'd', Tags: [{ TagKey: 'team', TagValue: 'a' }] });
  assert.match(key.Arn ?? '', /^arn:aws:kms:us-east-1:123456789012:key\/[0-9a-f-]{36}$/);
  assert.deepEqual(
    [key.KeyState, key.Enabled, key.KeyManager, key.KeySpec, key.KeyUsage, key.Origin, key.Description],
    ['Enabled', true, 'CUSTOMER', 'SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', 'AWS_KMS', 'd'],
  );
  await kms.createAlias({ AliasName: 'alias/described', TargetKeyId: key.KeyId });
  const aliasArn = 'arn:aws:kms:us-east-1:123456789012:alias/described';
  for (const KeyId of [key.KeyId, key.Arn, 'alias/described', aliasArn]) {
    assert.deepEqual((await kms.describeKey({ KeyId })).KeyMetadata, key);
  }
  const { Keys } = await kms.listKeys({ Limit: 1000 });
  assert.ok(Keys?.some(({ KeyArn }) => KeyArn === key.Arn));
  const { Aliases } = await kms.listAliases({ KeyId: key.KeyId });
  assert.deepEqual(
    Aliases?.map(({ AliasArn }) => AliasArn),
    [aliasArn],
  );
  assert.deepEqual((await kms.listResourceTags({ KeyId: key.KeyId })).Tags, [
    { TagKey: 'team', TagValue: 'a' },
  ]);
  assert.equal(
    await failure(kms.createAlias({ AliasName: 'alias/aws/mine', TargetKeyId: key.KeyId })),
    'InvalidAliasNameException',
  );
  assert.equal(
    await failure(kms.createAlias({ AliasName: 'alias/described', TargetKeyId: key.KeyId })),
    'AlreadyExistsException',
  );
  const gone = `arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000`;
  const missing = await refusal(kms.describeKey({ KeyId: gone }));
  assert.deepEqual([missing.name, missing.message], ['NotFoundException', `Key '${gone}' does not exist`]);
  const noAlias = await refusal(kms.describeKey({ KeyId: 'alias/nothing' }));
  assert.equal(noAlias.message, 'Alias arn:aws:kms:us-east-1:123456789012:alias/nothing is not found.');
});

test('what was encrypted opens under the same context only, without naming the key, also after a restart', async () => {
  const { KeyId, Arn } = await createKey();
  const EncryptionContext = { tenant: 'blue', stage: 'test' };
  const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: text('a secret'), EncryptionContext });
  assert.ok(CiphertextBlob && !Buffer.from(CiphertextBlob).includes('a secret'));
  await house.restart();
  kms = clientOf();
  const opened = await kms.decrypt({ CiphertextBlob, EncryptionContext: { stage: 'test', tenant: 'blue' } });
  assert.deepEqual([plain(opened), opened.KeyId], ['a secret', Arn]);
  const wrongs: Record<string, string>[] = [
    {},
    { tenant: 'blue' },
    { tenant: 'red', stage: 'test' },
    { ...EncryptionContext, x: 'y' },
  ];
  for (const wrong of wrongs) {
    const attempt: Promise<unknown> = kms.decrypt({ CiphertextBlob, EncryptionContext: wrong });
    assert.equal(await failure(attempt), 'InvalidCiphertextException');
  }
  const other = await createKey();
  assert.equal(
    await failure(kms.decrypt({ CiphertextBlob, EncryptionContext, KeyId: other.KeyId })),
    'IncorrectKeyException',
  );
  const ambiguous = { KeyId, Plaintext: text('x'), EncryptionContext: { a: '1', A: '2' } };
  assert.equal(await failure(kms.encrypt(ambiguous)), 'ValidationException');
});

test('no byte of a ciphertext can be altered, and all alterations get the same answer', async () => {
  const { KeyId } = await createKey();
  const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: text('abc') });
  assert.ok(CiphertextBlob);
  const messages = new Set<string>();
  for (let i = 0; i < CiphertextBlob.length; i++) {
    const altered = Buffer.from(CiphertextBlob);
    altered[i] = (altered[i] as number) ^ 1;
    const error = await refusal(kms.decrypt({ CiphertextBlob: altered }));
    messages.add(`${error.name} ${error.message}`);
  }
  assert.deepEqual(
    [...messages].map((message) => message.split(' ')[0]),
    ['InvalidCiphertextException'],
  );
  assert.equal(await failure(kms.decrypt({ CiphertextBlob: text('short') })), 'InvalidCiphertextException');
});

test('a ciphertext of one key does not open with another, even when its header is rewritten', async () => {
  const [a, b] = [await createKey(), await createKey()];
  const { CiphertextBlob } = await kms.encrypt({ KeyId: a.KeyId, Plaintext: text('abc') });
  const forged = Buffer.from(CiphertextBlob ?? []);
  Buffer.from((b.KeyId ?? '').replaceAll('-', ''), 'hex').copy(forged, 2);
  assert.equal(await failure(kms.decrypt({ CiphertextBlob: forged })), 'InvalidCiphertextException');
});

test('data keys come in plain and as ciphertext, and re-encryption moves them between keys unseen', async () => {
  const [a, b] = [await createKey(), await createKey()];
  const EncryptionContext = { a: 'b' };
  const data = await kms.generateDataKey({ KeyId: a.KeyId, KeySpec: 'AES_256', EncryptionContext });
  assert.equal(data.Plaintext?.length, 32);
  assert.doesNotThrow(() =>
    createCipheriv('aes-256-gcm', data.Plaintext ?? Buffer.alloc(0), Buffer.alloc(12)),
  );
  const moved = await kms.reEncrypt({
    CiphertextBlob: data.CiphertextBlob,
    SourceEncryptionContext: EncryptionContext,
    DestinationKeyId: b.Arn,
  });
  assert.deepEqual([moved.SourceKeyId, moved.KeyId], [a.Arn, b.Arn]);
  const opened = await kms.decrypt({ CiphertextBlob: moved.CiphertextBlob });
  assert.deepEqual([opened.Plaintext, opened.KeyId], [data.Plaintext, b.Arn]);
  const hidden = await kms.generateDataKeyWithoutPlaintext({ KeyId: a.KeyId, NumberOfBytes: 64 });
  assert.ok(!('Plaintext' in hidden));
  assert.equal((await kms.decrypt({ CiphertextBlob: hidden.CiphertextBlob })).Plaintext?.length, 64);
  const pair = await kms.generateDataKeyPair({ KeyId: a.KeyId, KeyPairSpec: 'ECC_NIST_P256' });
  const unsealed = await kms.decrypt({ CiphertextBlob: pair.PrivateKeyCiphertextBlob });
  assert.deepEqual(unsealed.Plaintext, pair.PrivateKeyPlaintext);
  assert.equal(await failure(kms.generateDataKey({ KeyId: a.KeyId })), 'ValidationException');
  assert.equal((await kms.generateRandom({ NumberOfBytes: 24 })).Plaintext?.length, 24);
  const dry = kms.generateDataKey({ KeyId: a.KeyId, KeySpec: 'AES_256', DryRun: true });
  assert.equal(await failure(dry), 'DryRunOperationException');
});

test('a disabled key does nothing, a key that is pending deletion neither, and both can come back', async () => {
  const { KeyId, Arn } = await createKey();
  const { CiphertextBlob } = await kms.encrypt({ KeyId, Plaintext: text('x') });
  await kms.disableKey({ KeyId });
  const disabled = await refusal(kms.decrypt({ CiphertextBlob }));
  assert.deepEqual([disabled.name, disabled.message], ['DisabledException', `${Arn} is disabled.`]);
  await kms.enableKey({ KeyId });
  const scheduled = await kms.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
  assert.deepEqual(
    [scheduled.KeyId, scheduled.KeyState, scheduled.PendingWindowInDays],
    [Arn, 'PendingDeletion', 7],
  );
  assert.ok(scheduled.DeletionDate && scheduled.DeletionDate.getTime() > Date.now() + 6 * 86_400_000);
  for (const work of [
    kms.encrypt({ KeyId, Plaintext: text('x') }),
    kms.decrypt({ CiphertextBlob }),
    kms.enableKey({ KeyId }),
    kms.createAlias({ AliasName: 'alias/late', TargetKeyId: KeyId }),
    kms.scheduleKeyDeletion({ KeyId }),
  ]) {
    const error = await refusal(work);
    assert.deepEqual(
      [error.name, error.message],
      ['KMSInvalidStateException', `${Arn} is pending deletion.`],
    );
  }
  await kms.cancelKeyDeletion({ KeyId });
  assert.equal((await kms.describeKey({ KeyId })).KeyMetadata?.KeyState, 'Disabled');
  await kms.enableKey({ KeyId });
  assert.equal(plain(await kms.decrypt({ CiphertextBlob })), 'x');
});

test('rotation keeps old ciphertexts readable and encrypts with new material', async () => {
  const { KeyId } = await createKey();
  const old = await kms.encrypt({ KeyId, Plaintext: text('old') });
  await kms.enableKeyRotation({ KeyId, RotationPeriodInDays: 180 });
  const status = await kms.getKeyRotationStatus({ KeyId });
  assert.deepEqual([status.KeyRotationEnabled, status.RotationPeriodInDays], [true, 180]);
  await kms.rotateKeyOnDemand({ KeyId });
  const rotations = await until('the rotation of the key', 10_000, async () => {
    const { Rotations = [] } = await kms.listKeyRotations({ KeyId });
    return Rotations.length > 0 ? Rotations : undefined;
  });
  assert.equal(rotations[0]?.RotationType, 'ON_DEMAND');
  const fresh = await kms.encrypt({ KeyId, Plaintext: text('new') });
  const [first, second] = [await kms.decrypt(old as never), await kms.decrypt(fresh as never)];
  assert.deepEqual([plain(first), plain(second)], ['old', 'new']);
  assert.equal(second.KeyMaterialId, rotations[0]?.KeyMaterialId);
  assert.notEqual(first.KeyMaterialId, second.KeyMaterialId);
  const all = await kms.listKeyRotations({ KeyId, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' });
  assert.deepEqual(
    all.Rotations?.map(({ KeyMaterialState }) => KeyMaterialState),
    ['NON_CURRENT', 'CURRENT'],
  );
  await kms.disableKeyRotation({ KeyId });
  assert.equal((await kms.getKeyRotationStatus({ KeyId })).KeyRotationEnabled, false);
});

test('signatures of every kind of key pair verify here and with the public key alone', async () => {
  const Message = text('a release');
  const cases = [
    ['RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_256'],
    ['RSA_2048', 'RSASSA_PSS_SHA_384'],
    ['ECC_NIST_P256', 'ECDSA_SHA_256'],
    ['ECC_NIST_P384', 'ECDSA_SHA_384'],
    ['ECC_SECG_P256K1', 'ECDSA_SHA_256'],
    ['ECC_NIST_EDWARDS25519', 'ED25519_SHA_512'],
  ] as const;
  for (const [KeySpec, SigningAlgorithm] of cases) {
    const { KeyId } = await createKey({ KeySpec, KeyUsage: 'SIGN_VERIFY' });
    const { Signature } = await kms.sign({ KeyId, Message, SigningAlgorithm });
    const verified = await kms.verify({ KeyId, Message, SigningAlgorithm, Signature });
    assert.equal(verified.SignatureValid, true);
    const wrong = kms.verify({ KeyId, Message: text('another'), SigningAlgorithm, Signature });
    assert.equal(await failure(wrong), 'KMSInvalidSignatureException');
    const { PublicKey } = await kms.getPublicKey({ KeyId });
    const key = createPublicKey({ key: Buffer.from(PublicKey ?? []), format: 'der', type: 'spki' });
    if (SigningAlgorithm === 'ECDSA_SHA_256')
      assert.ok(verify('sha256', Message, key, Signature ?? Buffer.alloc(0)));
    const encrypting = kms.encrypt({ KeyId, Plaintext: text('x') });
    assert.equal(await failure(encrypting), 'InvalidKeyUsageException');
  }
});

test('a digest is signed where that can be done, and refused by name where not', async () => {
  const digest = createHash('sha256').update('a release').digest();
  const rsa = await createKey({ KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' });
  const input = { KeyId: rsa.KeyId, SigningAlgorithm: 'RSASSA_PKCS1_V1_5_SHA_256' } as const;
  const { Signature } = await kms.sign({ ...input, Message: digest, MessageType: 'DIGEST' });
  assert.equal((await kms.verify({ ...input, Message: text('a release'), Signature })).SignatureValid, true);
  const asDigest = await kms.verify({ ...input, Message: digest, MessageType: 'DIGEST', Signature });
  assert.equal(asDigest.SignatureValid, true);
  const ec = await createKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
  const signing = kms.sign({
    KeyId: ec.KeyId,
    Message: digest,
    MessageType: 'DIGEST',
    SigningAlgorithm: 'ECDSA_SHA_256',
  });
  assert.equal(await failure(signing), 'UnsupportedOperationException');
});

test('RSA keys encrypt what their public half can, and HMAC keys authenticate', async () => {
  const rsa = await createKey({ KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
  const input = { KeyId: rsa.KeyId, EncryptionAlgorithm: 'RSAES_OAEP_SHA_256' } as const;
  const { CiphertextBlob } = await kms.encrypt({ ...input, Plaintext: text('short') });
  assert.equal(plain(await kms.decrypt({ ...input, CiphertextBlob })), 'short');
  const altered = Buffer.from(CiphertextBlob ?? []);
  altered[9] = (altered[9] as number) ^ 1;
  assert.equal(
    await failure(kms.decrypt({ ...input, CiphertextBlob: altered })),
    'InvalidCiphertextException',
  );
  assert.equal(
    await failure(kms.encrypt({ ...input, Plaintext: new Uint8Array(300) })),
    'ValidationException',
  );
  const hmac = await createKey({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' });
  const message = { KeyId: hmac.KeyId, Message: text('m'), MacAlgorithm: 'HMAC_SHA_256' } as const;
  const { Mac } = await kms.generateMac(message);
  assert.equal((await kms.verifyMac({ ...message, Mac })).MacValid, true);
  assert.equal(
    await failure(kms.verifyMac({ ...message, Message: text('n'), Mac })),
    'KMSInvalidMacException',
  );
});

test('the default key policy leaves it to identity policies; another one can shut them out', async () => {
  const key = await createKey();
  const allowed = await createUser({ Effect: 'Allow', Action: 'kms:*', Resource: '*' });
  const stranger = await createUser();
  await allowed.kms.encrypt({ KeyId: key.KeyId, Plaintext: text('x') });
  const refused = await refusal(stranger.kms.encrypt({ KeyId: key.KeyId, Plaintext: text('x') }));
  assert.deepEqual(
    [refused.name, refused.message],
    [
      'AccessDeniedException',
      `User: ${stranger.arn} is not authorized to perform: kms:Encrypt on resource: ${key.Arn} because no identity-based policy allows the kms:Encrypt action`,
    ],
  );
  const only = (principal: string) =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { AWS: principal }, Action: 'kms:*', Resource: '*' }],
    });
  const locking = kms.putKeyPolicy({ KeyId: key.KeyId, Policy: only(stranger.arn) });
  assert.equal(await failure(locking), 'MalformedPolicyDocumentException');
  await kms.putKeyPolicy({
    KeyId: key.KeyId,
    Policy: only(stranger.arn),
    BypassPolicyLockoutSafetyCheck: true,
  });
  await stranger.kms.encrypt({ KeyId: key.KeyId, Plaintext: text('x') });
  const shut = await refusal(allowed.kms.encrypt({ KeyId: key.KeyId, Plaintext: text('x') }));
  assert.match(shut.message, /because no resource-based policy allows the kms:Encrypt action$/);
  assert.equal(
    await failure(kms.describeKey({ KeyId: key.KeyId })),
    'AccessDeniedException',
    'not even the account',
  );
  assert.equal((await stranger.kms.getKeyPolicy({ KeyId: key.KeyId })).Policy, only(stranger.arn));
});

test('key policies see the encryption context and the caller’s account', async () => {
  const user = await createUser();
  const statement = {
    Effect: 'Allow',
    Principal: { AWS: user.arn },
    Action: ['kms:Encrypt', 'kms:Decrypt'],
    Resource: '*',
    Condition: {
      StringEquals: { 'kms:EncryptionContext:tenant': 'blue', 'kms:CallerAccount': '123456789012' },
    },
  };
  const root = {
    Effect: 'Allow',
    Principal: { AWS: 'arn:aws:iam::123456789012:root' },
    Action: 'kms:*',
    Resource: '*',
  };
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement, root] });
  const { KeyId } = await createKey({ Policy });
  const Plaintext = text('x');
  await user.kms.encrypt({ KeyId, Plaintext, EncryptionContext: { tenant: 'blue' } });
  const wrongs: (Record<string, string> | undefined)[] = [undefined, { tenant: 'red' }, { other: 'blue' }];
  for (const EncryptionContext of wrongs) {
    assert.equal(
      await failure(user.kms.encrypt({ KeyId, Plaintext, EncryptionContext })),
      'AccessDeniedException',
    );
  }
});

test('a grant lets its grantee do what it names, under its context, until it is retired or revoked', async () => {
  const { KeyId } = await createKey();
  const [user, retiring] = [await createUser(), await createUser()];
  const GrantInput = {
    KeyId,
    GranteePrincipal: user.arn,
    RetiringPrincipal: retiring.arn,
    Operations: ['Encrypt'] as K.GrantOperation[],
    Constraints: { EncryptionContextSubset: { tenant: 'blue' } },
    Name: 'g',
  };
  const grant = await kms.createGrant(GrantInput);
  assert.equal((await kms.createGrant(GrantInput)).GrantId, grant.GrantId, 'the same name, the same grant');
  const Plaintext = text('x');
  const context = { tenant: 'blue', more: '1' };
  const { CiphertextBlob } = await user.kms.encrypt({ KeyId, Plaintext, EncryptionContext: context });
  for (const work of [
    user.kms.encrypt({ KeyId, Plaintext }),
    user.kms.encrypt({ KeyId, Plaintext, EncryptionContext: { Tenant: 'blue' } }),
    user.kms.decrypt({ CiphertextBlob, EncryptionContext: context }),
    user.kms.retireGrant({ KeyId, GrantId: grant.GrantId }),
    retiring.kms.encrypt({ KeyId, Plaintext, EncryptionContext: context }),
  ]) {
    assert.equal(await failure(work), 'AccessDeniedException');
  }
  const { Grants } = await kms.listGrants({ KeyId });
  assert.deepEqual(
    Grants?.map(({ GrantId, GranteePrincipal, Operations }) => [GrantId, GranteePrincipal, Operations]),
    [[grant.GrantId, user.arn, ['Encrypt']]],
  );
  const other = await kms.createGrant({ ...GrantInput, Name: 'h', RetiringPrincipal: undefined });
  assert.equal(
    await failure(retiring.kms.retireGrant({ KeyId, GrantId: other.GrantId })),
    'AccessDeniedException',
    'one may retire what one was named for, and nothing else',
  );
  await retiring.kms.retireGrant({ KeyId, GrantId: grant.GrantId });
  await kms.revokeGrant({ KeyId, GrantId: other.GrantId });
  assert.equal(
    await failure(user.kms.encrypt({ KeyId, Plaintext, EncryptionContext: context })),
    'AccessDeniedException',
  );
  assert.equal(
    await failure(kms.encrypt({ KeyId, Plaintext, GrantTokens: ['nonsense'] })),
    'InvalidGrantTokenException',
  );
});

test('a deny in the key policy wins over a grant', async () => {
  const user = await createUser();
  const account = { AWS: 'arn:aws:iam::123456789012:root' };
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: account, Action: 'kms:*', Resource: '*' },
      { Effect: 'Deny', Principal: { AWS: user.arn }, Action: 'kms:Encrypt', Resource: '*' },
    ],
  });
  const { KeyId } = await createKey({ Policy });
  await kms.createGrant({ KeyId, GranteePrincipal: user.arn, Operations: ['Encrypt'] });
  const denied = await refusal(user.kms.encrypt({ KeyId, Plaintext: text('x') }));
  assert.match(denied.message, /with an explicit deny in a resource-based policy$/);
});

test('the key of a service is made when it is first named, and only the service may use it', async () => {
  const { KeyMetadata } = await kms.describeKey({ KeyId: 'alias/aws/s3' });
  assert.equal(KeyMetadata?.KeyManager, 'AWS');
  const again = await kms.describeKey({ KeyId: 'arn:aws:kms:us-east-1:123456789012:alias/aws/s3' });
  assert.equal(again.KeyMetadata?.KeyId, KeyMetadata?.KeyId);
  const KeyId = KeyMetadata?.KeyId ?? '';
  for (const work of [
    kms.encrypt({ KeyId, Plaintext: text('x') }),
    kms.scheduleKeyDeletion({ KeyId }),
    kms.putKeyPolicy({ KeyId, Policy: '{}' }),
    kms.disableKey({ KeyId }),
  ]) {
    assert.equal(await failure(work), 'AccessDeniedException');
  }
  assert.equal(await failure(kms.describeKey({ KeyId: 'alias/aws/nothing' })), 'NotFoundException');
});

test('what is not there says so', async () => {
  for (const work of [
    kms.createKey({ Origin: 'EXTERNAL' }),
    kms.createKey({ MultiRegion: true }),
    kms.createKey({ KeySpec: 'SM2', KeyUsage: 'SIGN_VERIFY' }),
    kms.describeCustomKeyStores({}),
    kms.getParametersForImport({
      KeyId: 'x',
      WrappingAlgorithm: 'RSAES_OAEP_SHA_256',
      WrappingKeySpec: 'RSA_2048',
    }),
  ]) {
    assert.equal(await failure(work), 'UnsupportedOperationException');
  }
});

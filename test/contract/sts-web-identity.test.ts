/**
 * Web identity federation, with a provider of our own over HTTPS on loopback, which the operator allowed by name: good
 * tokens become sessions of the roles that trust them, hostile ones become nothing, and nobody reaches inside by naming
 * providers.
 */

import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { IAM } from '@aws-sdk/client-iam';
import { S3 } from '@aws-sdk/client-s3';
import { STS } from '@aws-sdk/client-sts';
import { CloudTrail } from '@aws-sdk/client-cloudtrail';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import {
  createSigningKey,
  encode,
  publicJwk,
  signToken,
  startIssuer,
  type TestIssuer,
} from '#test/support/issuer.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { until } from '#test/support/until.ts';

const AUDIENCE = 'https://slipway.example';
const SUBJECT = 'repo:octo/app:ref:refs/heads/main';
const rsa = createSigningKey('rsa-1');
const ec = createSigningKey('ec-1', 'ES256');

let house: TestHouse;
let issuer: TestIssuer;
/** Made anew for each call, since the clock moves. */
const iam = () => new IAM(client(house.credentials));
let providerArn: string;
const clock = createMovableClock();

before(async () => {
  issuer = await startIssuer();
  house = await createTestHouse({
    clock,
    serverEnvironment: { SLIPWAY_OIDC_PRIVATE_ISSUERS: issuer.provider },
  });
  const { OpenIDConnectProviderArn: arn = '' } = await iam().createOpenIDConnectProvider({
    Url: issuer.url,
    ClientIDList: [AUDIENCE],
    ThumbprintList: [issuer.thumbprint],
  });
  providerArn = arn;
  await createRole('deployer', {
    StringEquals: { [`${issuer.provider}:aud`]: AUDIENCE },
    StringLike: { [`${issuer.provider}:sub`]: 'repo:octo/app:*' },
  });
});
beforeEach(() => {
  issuer.serve(rsa, ec);
  issuer.status = 200;
});
after(async () => {
  await house.close();
  await issuer.close();
});

function client(credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }) {
  const { endpoint, region } = house;
  const systemClockOffset = clock.aheadMs;
  return { endpoint, region, systemClockOffset, maxAttempts: 1, ...(credentials && { credentials }) };
}

async function createRole(name: string, condition: object, actions = ['sts:AssumeRoleWithWebIdentity']) {
  const trust = {
    Version: '2012-10-17',
    Statement: {
      Effect: 'Allow',
      Principal: { Federated: providerArn },
      Action: actions,
      Condition: condition,
    },
  };
  await iam().createRole({ RoleName: name, AssumeRolePolicyDocument: JSON.stringify(trust) });
}

const roleArn = (name: string) => `arn:aws:iam::${house.account}:role/${name}`;
const seconds = () => Math.floor(clock.now() / 1000);
const claims = (more: object = {}) => ({
  iss: issuer.url,
  aud: AUDIENCE,
  sub: SUBJECT,
  iat: seconds() - 10,
  nbf: seconds() - 10,
  exp: seconds() + 300,
  ...more,
});

function assume(token: string, role = 'deployer', more: object = {}) {
  // No credentials at all: the call is not signed.
  return new STS(client({ accessKeyId: 'none', secretAccessKey: 'none' })).assumeRoleWithWebIdentity({
    RoleArn: roleArn(role),
    RoleSessionName: 'ci',
    WebIdentityToken: token,
    ...more,
  });
}

async function refusal(token: string, role = 'deployer', more: object = {}): Promise<string> {
  try {
    await assume(token, role, more);
    return 'a session';
  } catch (error) {
    return `${(error as Error).name.replace(/Exception$/, '')}: ${(error as Error).message}`;
  }
}

test('a token of a trusted provider becomes a session of the role, and the session works', async () => {
  for (const key of [rsa, ec]) {
    const answer = await assume(signToken(key, claims()));
    assert.equal(answer.SubjectFromWebIdentityToken, SUBJECT);
    assert.equal(answer.Audience, AUDIENCE);
    assert.equal(answer.Provider, issuer.url);
    assert.equal(answer.AssumedRoleUser?.Arn, `arn:aws:sts::${house.account}:assumed-role/deployer/ci`);
    const {
      AccessKeyId: accessKeyId = '',
      SecretAccessKey: secretAccessKey = '',
      SessionToken: sessionToken = '',
    } = answer.Credentials ?? {};
    const session = { accessKeyId, secretAccessKey, sessionToken };
    const { Arn } = await new STS(client(session)).getCallerIdentity({});
    assert.equal(Arn, answer.AssumedRoleUser?.Arn);
    await assert.rejects(new S3(client(session)).listBuckets({}), { name: 'AccessDenied' });
  }
});

test('the operations on providers answer as documented', async () => {
  const shown = await iam().getOpenIDConnectProvider({ OpenIDConnectProviderArn: providerArn });
  assert.equal(shown.Url, issuer.provider);
  assert.deepEqual(shown.ClientIDList, [AUDIENCE]);
  assert.deepEqual(shown.ThumbprintList, [issuer.thumbprint.toLowerCase()]);
  await assert.rejects(iam().createOpenIDConnectProvider({ Url: issuer.url }), {
    name: 'EntityAlreadyExistsException',
  });
  await assert.rejects(iam().createOpenIDConnectProvider({ Url: 'http://a.example' }), {
    name: 'InvalidInputException',
  });
  await assert.rejects(iam().createOpenIDConnectProvider({ Url: 'https://u:p@a.example' }), {
    name: 'InvalidInputException',
  });
  const { OpenIDConnectProviderArn: other = '', Tags } = await iam().createOpenIDConnectProvider({
    Url: 'https://gitlab.example/team',
    Tags: [{ Key: 'team', Value: 'a' }],
  });
  assert.equal(other, `arn:aws:iam::${house.account}:oidc-provider/gitlab.example/team`);
  assert.deepEqual(Tags, [{ Key: 'team', Value: 'a' }]);
  await iam().addClientIDToOpenIDConnectProvider({ OpenIDConnectProviderArn: other, ClientID: 'one' });
  await iam().addClientIDToOpenIDConnectProvider({ OpenIDConnectProviderArn: other, ClientID: 'one' });
  await iam().addClientIDToOpenIDConnectProvider({ OpenIDConnectProviderArn: other, ClientID: 'two' });
  await iam().removeClientIDFromOpenIDConnectProvider({ OpenIDConnectProviderArn: other, ClientID: 'one' });
  await iam().updateOpenIDConnectProviderThumbprint({
    OpenIDConnectProviderArn: other,
    ThumbprintList: ['A'.repeat(40)],
  });
  await iam().tagOpenIDConnectProvider({
    OpenIDConnectProviderArn: other,
    Tags: [{ Key: 'stage', Value: 'test' }],
  });
  await iam().untagOpenIDConnectProvider({ OpenIDConnectProviderArn: other, TagKeys: ['team'] });
  const changed = await iam().getOpenIDConnectProvider({ OpenIDConnectProviderArn: other });
  assert.deepEqual(changed.ClientIDList, ['two']);
  assert.deepEqual(changed.ThumbprintList, ['a'.repeat(40)]);
  const tags = await iam().listOpenIDConnectProviderTags({ OpenIDConnectProviderArn: other });
  assert.deepEqual(tags.Tags, [{ Key: 'stage', Value: 'test' }]);
  const { OpenIDConnectProviderList: list } = await iam().listOpenIDConnectProviders({});
  assert.deepEqual(list?.map(({ Arn }) => Arn).sort(), [other, providerArn].sort());
  await iam().deleteOpenIDConnectProvider({ OpenIDConnectProviderArn: other });
  await iam().deleteOpenIDConnectProvider({ OpenIDConnectProviderArn: other });
  await assert.rejects(iam().getOpenIDConnectProvider({ OpenIDConnectProviderArn: other }), {
    name: 'NoSuchEntityException',
    message: `OpenIDConnect Provider not found for arn ${other}`,
  });
});

test('the trust policy decides by audience and subject', async () => {
  const denied = 'AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity';
  assert.equal(await refusal(signToken(rsa, claims({ sub: 'repo:octo/other:ref:refs/heads/main' }))), denied);
  await createRole('exact', {
    StringEquals: { [`${issuer.provider}:sub`]: SUBJECT, [`${issuer.provider}:ref`]: 'main' },
  });
  assert.equal(await refusal(signToken(rsa, claims()), 'exact'), denied);
  await assume(signToken(rsa, claims({ ref: 'main' })), 'exact');
  assert.equal(await refusal(signToken(rsa, claims()), 'nowhere'), denied);
  await createRole('people', {}, ['sts:AssumeRole']);
  assert.equal(await refusal(signToken(rsa, claims()), 'people'), denied);
  const trust = {
    Effect: 'Allow',
    Principal: { AWS: house.account },
    Action: ['sts:AssumeRoleWithWebIdentity'],
  };
  const document = JSON.stringify({ Version: '2012-10-17', Statement: trust });
  await iam().createRole({ RoleName: 'account', AssumeRolePolicyDocument: document });
  assert.equal(await refusal(signToken(rsa, claims()), 'account'), denied);
});

test('tags and a source identity of a token need their own permissions in the trust policy', async () => {
  const tagged = claims({
    'https://aws.amazon.com/tags': { principal_tags: { team: ['a'] }, transitive_tag_keys: ['team'] },
    'https://aws.amazon.com/source_identity': 'ann',
  });
  assert.match(await refusal(signToken(rsa, tagged)), /Not authorized to perform sts:TagSession/);
  const actions = ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession', 'sts:SetSourceIdentity'];
  await createRole('tagged', { StringEquals: { 'aws:RequestTag/team': 'a' } }, actions);
  const { SourceIdentity } = await assume(signToken(rsa, tagged), 'tagged');
  assert.equal(SourceIdentity, 'ann');
  const other = { ...tagged, 'https://aws.amazon.com/tags': { principal_tags: { team: ['b'] } } };
  assert.match(await refusal(signToken(rsa, other), 'tagged'), /^AccessDenied/);
  const broken = { ...tagged, 'https://aws.amazon.com/tags': { principal_tags: { 'aws:x': ['b'] } } };
  assert.match(await refusal(signToken(rsa, broken), 'tagged'), /^IDPRejectedClaim/);
});

/** A token whose header and claims are right, and which is signed by `signature` of what is signed. */
function forged(header: object, body: object, signature: (signed: string) => string): string {
  const signed = `${encode(header)}.${encode(body)}`;
  return `${signed}.${signature(signed)}`;
}

test('hostile tokens become nothing', async () => {
  const good = signToken(rsa, claims());
  const [head = '', body = '', signature = ''] = good.split('.');
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const jwk = JSON.stringify(publicJwk(rsa));
  const hmac = (secret: string) => (signed: string) =>
    createHmac('sha256', secret).update(signed).digest('base64url');
  const mine = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const bySelf = (signed: string) =>
    sign('sha256', Buffer.from(signed), mine.privateKey).toString('base64url');
  const header = { alg: 'RS256', kid: rsa.id };
  const jwt = /^InvalidIdentityToken: The ID Token provided is not a valid JWT\.$/;
  const notSigned =
    /^InvalidIdentityToken: The signature of the token is not that of its identity provider\.$/;
  const table: readonly (readonly [string, string, RegExp])[] = [
    ['no algorithm', forged({ alg: 'none' }, claims(), () => ''), jwt],
    ['no algorithm, with a signature', `${encode({ alg: 'none' })}.${body}.${signature}`, jwt],
    ['no algorithm in other letters', `${encode({ alg: 'nOnE' })}.${body}.${signature}`, jwt],
    ['the public key as a shared secret', forged({ alg: 'HS256', kid: rsa.id }, claims(), hmac(pem)), jwt],
    [
      'the public key in JSON as a shared secret',
      forged({ alg: 'HS256', kid: rsa.id }, claims(), hmac(jwk)),
      jwt,
    ],
    ['the shared secret under a good name', forged(header, claims(), hmac(pem)), notSigned],
    ['another key under a known id', forged(header, claims(), bySelf), notSigned],
    [
      'its own key in the header',
      forged({ ...header, jwk: mine.publicKey.export({ format: 'jwk' }) }, claims(), bySelf),
      notSigned,
    ],
    [
      'its own keys by address',
      forged({ ...header, jku: 'https://evil.example/keys' }, claims(), bySelf),
      notSigned,
    ],
    ['an unknown key id', signToken(rsa, claims(), { kid: 'other' }), /^InvalidIdentityToken: No key/],
    ['a key id that is no text', signToken(rsa, claims(), { kid: { $ne: null } }), jwt],
    ['the key of the other algorithm', signToken(ec, claims(), { kid: rsa.id }), notSigned],
    ['an algorithm for another curve', signToken(ec, claims(), { alg: 'ES384' }), notSigned],
    ['a critical extension', signToken(rsa, claims(), { crit: ['b64'], b64: false }), jwt],
    ['altered claims', `${head}.${encode(claims({ sub: 'repo:octo/app:evil' }))}.${signature}`, notSigned],
    ['an altered signature', `${head}.${body}.${signature.slice(0, -8)}AAAAAAAA`, notSigned],
    ['a signature in another spelling', `${head}.${body}.${signature}A`, notSigned],
    ['no signature', `${head}.${body}.`, jwt],
    [
      'an empty ECDSA signature',
      forged({ alg: 'ES256', kid: ec.id }, claims(), () => 'A'.repeat(86)),
      notSigned,
    ],
    ['four parts', `${good}.${signature}`, jwt],
    ['encryption', `${head}.${body}.${signature}.${body}.${head}`, jwt],
    ['claims that are a list', `${head}.${encode('[]')}.${signature}`, jwt],
    [
      'another issuer',
      signToken(rsa, claims({ iss: 'https://evil.example' })),
      /^InvalidIdentityToken: No OpenIDConnect/,
    ],
    [
      'an issuer over plain HTTP',
      signToken(rsa, claims({ iss: `http://${issuer.provider}` })),
      /^InvalidIdentityToken/,
    ],
    [
      'an issuer with a longer name',
      signToken(rsa, claims({ iss: `${issuer.url}/x` })),
      /^InvalidIdentityToken/,
    ],
    ['no issuer', signToken(rsa, claims({ iss: undefined })), /^InvalidIdentityToken/],
    [
      'another audience',
      signToken(rsa, claims({ aud: 'other' })),
      /^InvalidIdentityToken: Incorrect token audience/,
    ],
    [
      'no audience',
      signToken(rsa, claims({ aud: undefined })),
      /^InvalidIdentityToken: Incorrect token audience/,
    ],
    ['made for another party', signToken(rsa, claims({ azp: 'other' })), /Incorrect token audience/],
    ['an expired one', signToken(rsa, claims({ exp: seconds() - 1 })), /^ExpiredToken: Token expired/],
    ['one without end', signToken(rsa, claims({ exp: undefined })), /^InvalidIdentityToken/],
    ['an end that is no number', signToken(rsa, claims({ exp: '99999999999' })), /^InvalidIdentityToken/],
    ['an end beyond all numbers', signToken(rsa, claims({ exp: 1e300 })), /^InvalidIdentityToken/],
    ['one of tomorrow', signToken(rsa, claims({ iat: seconds() + 86_400 })), /^InvalidIdentityToken/],
    ['not valid yet', signToken(rsa, claims({ nbf: seconds() + 3600 })), /^InvalidIdentityToken/],
    ['no subject', signToken(rsa, claims({ sub: '' })), /^InvalidIdentityToken/],
    ['a subject that is a list', signToken(rsa, claims({ sub: [SUBJECT] })), /^InvalidIdentityToken/],
  ];
  for (const [what, token, expected] of table) assert.match(await refusal(token), expected, what);
  // The request is a form, whose reader bounds it before the token is looked at.
  assert.match(await refusal('a.'.repeat(20_000)), /^Validation/);
  assert.equal(await refusal(good), 'a session', 'the good one still is');
});

test('keys that the provider changes are found, and strangers cannot make us ask without end', async () => {
  const next = createSigningKey('rsa-2');
  issuer.serve(next);
  clock.advance(31_000);
  await assume(signToken(next, claims()));
  assert.match(
    await refusal(signToken(rsa, claims())),
    /^InvalidIdentityToken: No key/,
    'the old key is gone',
  );
  const before = issuer.visits.length;
  for (let i = 0; i < 20; i++) await refusal(signToken(rsa, claims(), { kid: `made-up-${i}` }));
  assert.equal(issuer.visits.length, before, 'within half a minute nobody asks again');
  issuer.serve(rsa, ec);
  clock.advance(31_000);
  await assume(signToken(rsa, claims()));
});

test('a provider that does not answer well is said not to', async () => {
  const cannot = /^IDPCommunicationError: Couldn't retrieve verification key/;
  const { configuration } = issuer;
  const hour = 3_601_000;
  const broken: readonly (readonly [string, () => void])[] = [
    ['an error', () => (issuer.status = 500)],
    [
      'a redirect',
      () => {
        issuer.status = 302;
        issuer.location = `${house.endpoint}/_slipway/health`;
      },
    ],
    ['no JSON', () => (issuer.configuration = '<html>')],
    [
      'another issuer',
      () => (issuer.configuration = { issuer: 'https://evil.example', jwks_uri: `${issuer.url}/keys` }),
    ],
    [
      'keys over plain HTTP',
      () => (issuer.configuration = { issuer: issuer.url, jwks_uri: `http://${issuer.provider}/keys` }),
    ],
    [
      'keys inside this machine',
      () =>
        (issuer.configuration = { issuer: issuer.url, jwks_uri: house.endpoint.replace('http:', 'https:') }),
    ],
    [
      'keys at the metadata address',
      () => (issuer.configuration = { issuer: issuer.url, jwks_uri: 'https://169.254.169.254/keys' }),
    ],
    ['too much', () => (issuer.keys = 'x'.repeat(300_000))],
    ['too many keys', () => (issuer.keys = { keys: Array.from({ length: 200 }, () => publicJwk(rsa)) })],
  ];
  for (const [what, breakIt] of broken) {
    clock.advance(hour);
    breakIt();
    assert.match(await refusal(signToken(rsa, claims())), cannot, what);
    Object.assign(issuer, { configuration, status: 200, location: undefined });
    issuer.serve(rsa, ec);
  }
  clock.advance(hour);
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const weakKey = { id: 'weak', algorithm: 'RS256' as const, ...weak };
  issuer.serve(rsa, weakKey);
  assert.match(
    await refusal(signToken(weakKey, claims())),
    /^InvalidIdentityToken: No key/,
    'a short key is none',
  );
  await assume(signToken(rsa, claims()));
});

test('a provider counts by the thumbprint of its authority alone, and never by a name inside', async () => {
  await iam().updateOpenIDConnectProviderThumbprint({
    OpenIDConnectProviderArn: providerArn,
    ThumbprintList: ['0'.repeat(40)],
  });
  assert.match(await refusal(signToken(rsa, claims())), /^IDPCommunicationError/);
  await iam().updateOpenIDConnectProviderThumbprint({
    OpenIDConnectProviderArn: providerArn,
    ThumbprintList: ['0'.repeat(40), issuer.thumbprint],
  });
  await assume(signToken(rsa, claims()));
  const visits = issuer.visits.length;
  for (const inner of [`localhost:${issuer.provider.split(':')[1]}`, '169.254.169.254', 'localhost']) {
    await iam().createOpenIDConnectProvider({
      Url: `https://${inner}`,
      ClientIDList: [AUDIENCE],
      ThumbprintList: [issuer.thumbprint],
    });
    const token = signToken(rsa, claims({ iss: `https://${inner}` }));
    assert.match(await refusal(token), /^IDPCommunicationError/, inner);
  }
  assert.equal(issuer.visits.length, visits, 'nobody was visited');
});

test('the length of a session keeps to its role, and session policies narrow it', async () => {
  const token = () => signToken(rsa, claims());
  assert.match(
    await refusal(token(), 'deployer', { DurationSeconds: 7200 }),
    /exceeds the MaxSessionDuration/,
  );
  const { Credentials: short } = await assume(token(), 'deployer', { DurationSeconds: 900 });
  assert.equal(Math.round(((short?.Expiration?.getTime() ?? 0) - clock.now()) / 60_000), 15);
  assert.match(
    await refusal(token(), 'deployer', { Policy: '{"not": "a policy"}' }),
    /^MalformedPolicyDocument/,
  );
  assert.match(await refusal(token(), 'deployer', { ProviderId: 'graph.facebook.com' }), /^ValidationError/);
});

test('the record names who came, and no token', async () => {
  const token = signToken(rsa, claims({ sub: 'repo:octo/app:recorded' }));
  await assume(token);
  const trail = new CloudTrail(client(house.credentials));
  const record = await until('the record', 10_000, async () => {
    const { Events = [] } = await trail.lookupEvents({
      LookupAttributes: [{ AttributeKey: 'EventName', AttributeValue: 'AssumeRoleWithWebIdentity' }],
    });
    const texts = Events.map(({ CloudTrailEvent: text = '' }) => text);
    assert.ok(!texts.some((text) => text.includes(token.split('.')[2] ?? '')), 'no token in any record');
    return texts.find((text) => text.includes('repo:octo/app:recorded'));
  });
  const { userIdentity, requestParameters } = JSON.parse(record);
  assert.deepEqual(userIdentity, {
    type: 'WebIdentityUser',
    principalId: `${providerArn}:${AUDIENCE}:repo:octo/app:recorded`,
    userName: 'repo:octo/app:recorded',
    identityProvider: providerArn,
  });
  assert.equal(requestParameters.roleArn, roleArn('deployer'));
});

test('tokens that prove nobody leave no record, so that strangers cannot fill the history', async () => {
  await refusal('a.b.c');
  const trail = new CloudTrail(client(house.credentials));
  const { Events = [] } = await trail.lookupEvents({
    LookupAttributes: [{ AttributeKey: 'EventName', AttributeValue: 'AssumeRoleWithWebIdentity' }],
  });
  assert.ok(!Events.some(({ CloudTrailEvent: text = '' }) => text.includes('ANONYMOUS')));
});

/**
 * Attacks on signed requests as they travel, written to the socket byte by byte: altered, stripped, doubled, moved to
 * another place, time, region, service or account, and sent again when their time is over. The request would make a group
 * of IAM or write an object; none may exist in the end but those that were asked for rightly.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createMovableClock } from '#test/support/movable-clock.ts';
import { signRequest, type SigningCredentials } from '#wire/sign.ts';

interface Wire {
  method: string;
  target: string;
  /** In this order, repeated ones too. */
  headers: [string, string][];
  body: string;
}

const MINUTE_MS = 60_000;
const BUCKET = 'signed-bucket';
const FORM = 'application/x-www-form-urlencoded; charset=utf-8';

let house: TestHouse;
let other: TestHouse;
let session: SigningCredentials;
const clock = createMovableClock();

before(async () => {
  house = await createTestHouse({ clock });
  other = await createTestHouse();
  const { root } = house.slipway;
  await root.send('s3:CreateBucket', { Bucket: BUCKET });
  session = await createSession(house);
});
after(async () => {
  await house.close();
  await other.close();
});

/** A session of a role that may do everything. */
async function createSession({
  slipway: { root, house: inner },
  account,
}: TestHouse): Promise<SigningCredentials> {
  const trust = {
    Effect: 'Allow',
    Principal: { Service: 'codebuild.amazonaws.com' },
    Action: 'sts:AssumeRole',
  };
  const all = { Effect: 'Allow', Action: '*', Resource: '*' };
  const document = (Statement: object) => JSON.stringify({ Version: '2012-10-17', Statement });
  await root.send('iam:CreateRole', { RoleName: 'all', AssumeRolePolicyDocument: document(trust) });
  await root.send('iam:PutRolePolicy', { RoleName: 'all', PolicyName: 'all', PolicyDocument: document(all) });
  const roleArn = `arn:aws:iam::${account}:role/all`;
  const { credentials } = await inner.assumeRole({ service: 'codebuild', roleArn, sessionName: 'attack' });
  return credentials;
}

interface Signing {
  readonly credentials?: SigningCredentials;
  readonly service?: string;
  readonly region?: string;
  readonly at?: number;
}

let groups = 0;

/** A right request that makes a group; every one another group. */
function createGroup(signing: Signing = {}): Wire {
  const body = `Action=CreateGroup&Version=2010-05-08&GroupName=group-${++groups}`;
  return signed('POST', '/', { 'content-type': FORM }, body, { service: 'iam', ...signing });
}

function putObject(key: string, headers: Record<string, string> = {}, signing: Signing = {}): Wire {
  return signed('PUT', `/${BUCKET}/${key}`, headers, 'text', { service: 's3', ...signing });
}

function signed(
  method: string,
  target: string,
  headers: Record<string, string>,
  body: string,
  signing: Signing,
): Wire {
  const {
    credentials = house.credentials,
    service = 'iam',
    region = house.region,
    at = clock.now(),
  } = signing;
  const url = new URL(target, house.endpoint);
  const all = signRequest({ method, url, headers, body }, { service, region }, credentials, at);
  return { method, target, headers: [['host', url.host], ...Object.entries(all)], body };
}

/** The status of the answer; 0 when the connection was just cut. */
async function send({ method, target, headers, body }: Wire): Promise<number> {
  const { hostname, port } = new URL(house.endpoint);
  const socket = connect(Number(port), hostname);
  const lines = [...headers, ['content-length', String(Buffer.byteLength(body))], ['connection', 'close']];
  socket.write(
    `${method} ${target} HTTP/1.1\r\n${lines.map((line) => line.join(': ')).join('\r\n')}\r\n\r\n${body}`,
  );
  let answer = '';
  socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
  socket.on('error', () => {});
  await once(socket, 'close');
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? '0');
}

const header = (wire: Wire, name: string) => wire.headers.find(([each]) => each === name)?.[1] ?? '';
function setHeader(wire: Wire, name: string, change: (value: string) => string): Wire {
  return {
    ...wire,
    headers: wire.headers.map(([each, value]) => [each, each === name ? change(value) : value]),
  };
}
const dropHeader = (wire: Wire, name: string): Wire => ({
  ...wire,
  headers: wire.headers.filter(([each]) => each !== name),
});
const addHeader = (wire: Wire, name: string, value: string): Wire => ({
  ...wire,
  headers: [...wire.headers, [name, value]],
});
const authorization = (change: (value: string) => string) => (wire: Wire) =>
  setHeader(wire, 'authorization', change);
/** Without one name in the list of signed headers: whoever strips it may change the header. */
const unsign = (name: string) =>
  authorization((value) =>
    value.replace(new RegExp(`(SignedHeaders=(?:[^,]*;)?)${name}(?:;|(?=,))`), '$1').replace(';,', ','),
  );

type Attack = readonly [string, (wire: Wire) => Wire];

const ALTERED: readonly Attack[] = [
  ['another method', (wire) => ({ ...wire, method: 'PUT' })],
  ['another path', (wire) => ({ ...wire, target: '/other' })],
  ['a query', (wire) => ({ ...wire, target: '/?Action=CreateGroup' })],
  ['another body', (wire) => ({ ...wire, body: wire.body.replace('group-', 'other-') })],
  ['a longer body', (wire) => ({ ...wire, body: `${wire.body}&Path=/x/` })],
  ['no body', (wire) => ({ ...wire, body: '' })],
  [
    'another content type',
    (wire) => setHeader(wire, 'content-type', () => 'application/x-www-form-urlencoded'),
  ],
  ['another host', (wire) => setHeader(wire, 'host', () => 'iam.example.com')],
  [
    'another second',
    (wire) =>
      setHeader(wire, 'x-amz-date', (value) =>
        value.replace(/\d\dZ$/, (at) => (at === '00Z' ? '01Z' : '00Z')),
      ),
  ],
  ['another hash of the body', (wire) => setHeader(wire, 'x-amz-content-sha256', () => '0'.repeat(64))],
  [
    'a body that need not be signed',
    (wire) => setHeader(wire, 'x-amz-content-sha256', () => 'UNSIGNED-PAYLOAD'),
  ],
  [
    'one digit of the signature',
    authorization((value) => value.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'))),
  ],
  ['a shorter signature', authorization((value) => value.slice(0, -2))],
  [
    'a signature in capitals',
    authorization((value) => value.replace(/Signature=\w+/, (text) => `S${text.slice(1).toUpperCase()}`)),
  ],
  ['no signature', authorization((value) => value.replace(/, Signature=.*/, ''))],
  ['an empty signature', authorization((value) => value.replace(/Signature=.*/, 'Signature='))],
  ['another algorithm', authorization((value) => value.replace('SHA256', 'SHA1'))],
  [
    'the algorithm of two keys',
    authorization((value) => value.replace('AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256')),
  ],
  ['another end of the scope', authorization((value) => value.replace('aws4_request', 'aws5_request'))],
  ['another day in the scope', authorization((value) => value.replace(/\/\d{8}\//, '/20200101/'))],
  ['another region in the scope', authorization((value) => value.replace('us-east-1', 'eu-west-1'))],
  ['another service in the scope', authorization((value) => value.replace('/iam/', '/sts/'))],
  [
    'another key',
    authorization((value) => value.replace(/Credential=\w+/, 'Credential=AKIAIOSFODNN7EXAMPLE')),
  ],
  ['two credentials', authorization((value) => `${value}, Credential=${value.split('Credential=')[1]}`)],
];

const STRIPPED: readonly Attack[] = [
  ['no authorization', (wire) => dropHeader(wire, 'authorization')],
  ['an empty authorization', authorization(() => '')],
  ['no date', (wire) => dropHeader(wire, 'x-amz-date')],
  ['the host not signed', unsign('host')],
  ['the date not signed', unsign('x-amz-date')],
  ['the type of the body not signed', unsign('content-type')],
  ['nothing signed', authorization((value) => value.replace(/SignedHeaders=[^,]*/, 'SignedHeaders='))],
  ['a signed header that is not there', (wire) => dropHeader(wire, 'x-amz-content-sha256')],
];

const SMUGGLED: readonly Attack[] = [
  ['two authorizations', (wire) => addHeader(wire, 'authorization', header(wire, 'authorization'))],
  ['a second date', (wire) => addHeader(wire, 'x-amz-date', '20200101T000000Z')],
  ['a second host', (wire) => addHeader(wire, 'host', 'iam.example.com')],
  ['a second content type', (wire) => addHeader(wire, 'content-type', 'application/json')],
  ['a second length', (wire) => addHeader(wire, 'content-length', '5')],
  ['a length and chunks', (wire) => addHeader(wire, 'transfer-encoding', 'chunked')],
  [
    'a token beside a long-term key',
    (wire) => addHeader(wire, 'x-amz-security-token', session.sessionToken ?? ''),
  ],
  ['a name that ends in a space', (wire) => addHeader(wire, 'x-amz-date ', '20200101T000000Z')],
  ['a folded header', (wire) => addHeader(wire, 'x-note', 'a\r\n authorization: b')],
  [
    'a line break in a header',
    (wire) => setHeader(wire, 'content-type', (value) => `${value}\rx-amz-date: x`),
  ],
  [
    'a signature in the query too',
    (wire) => ({ ...wire, target: '/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00' }),
  ],
];

async function notMade(): Promise<void> {
  const { Groups = [] } = await house.slipway.root.send('iam:ListGroups', {});
  assert.deepEqual(
    Groups.map(({ GroupName }) => GroupName),
    ['group-1'],
  );
}

test('one right request is let in, and what is altered, stripped or smuggled is not', async () => {
  assert.equal(await send(createGroup()), 200);
  for (const [what, attack] of [...ALTERED, ...STRIPPED, ...SMUGGLED]) {
    const status = await send(attack(createGroup()));
    assert.ok(status === 0 || status >= 400, `${what}: ${status}`);
  }
  await notMade();
});

test('what is signed for another time, region or service is refused, and so is what is sent again too late', async () => {
  const attacks: readonly (readonly [string, Signing])[] = [
    ['six minutes old', { at: clock.now() - 6 * MINUTE_MS }],
    ['six minutes ahead', { at: clock.now() + 6 * MINUTE_MS }],
    ['of the last century', { at: Date.UTC(1999, 0, 1) }],
    ['for another service', { service: 'kms' }],
    ['for no service', { service: 'nothing' }],
    ['for object storage', { service: 's3' }],
  ];
  for (const [what, signing] of attacks) {
    const status = await send(createGroup(signing));
    assert.ok(status >= 400, `${what}: ${status}`);
  }
  const late = createGroup();
  clock.advance(6 * MINUTE_MS);
  assert.equal(await send(late), 403, 'captured and sent again after its time');
  const foreign = signed(
    'POST',
    '/',
    { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'TrentService.CreateKey' },
    '{}',
    {
      service: 'kms',
      region: 'eu-west-1',
    },
  );
  assert.equal(await send(foreign), 400, 'another region than this installation has');
  await notMade();
});

test('the operation that a header names is signed with it', async () => {
  const request = (target: string) =>
    signed('POST', '/', { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target }, '{}', {
      service: 'kms',
    });
  const listing = request('TrentService.ListKeys');
  assert.equal(await send(listing), 200);
  const create = (wire: Wire) => setHeader(wire, 'x-amz-target', () => 'TrentService.CreateKey');
  for (const [what, attack] of [
    ['another target', create],
    ['a target that is not signed', (wire: Wire) => create(unsign('x-amz-target')(wire))],
    ['a second target', (wire: Wire) => addHeader(wire, 'x-amz-target', 'TrentService.CreateKey')],
    [
      'a target of another service',
      (wire: Wire) => setHeader(wire, 'x-amz-target', () => 'AWSEvents.ListRules'),
    ],
  ] as const) {
    const status = await send(attack(request('TrentService.ListKeys')));
    assert.ok(status >= 400, `${what}: ${status}`);
  }
  const unsigned = signed('POST', '/', { 'content-type': 'application/x-amz-json-1.1' }, '{}', {
    service: 'kms',
  });
  const status = await send(addHeader(unsigned, 'x-amz-target', 'TrentService.CreateKey'));
  assert.ok(status >= 400, `a target that nobody signed: ${status}`);
  const { Keys = [] } = await house.slipway.root.send('kms:ListKeys', {});
  assert.deepEqual(Keys, []);
});

test('keys and sessions of another installation are nobody here', async () => {
  assert.equal(await send(createGroup({ credentials: other.credentials })), 403);
  const foreign = await createSession(other);
  assert.equal(await send(createGroup({ credentials: foreign })), 403);
  const { accessKeyId, secretAccessKey } = foreign;
  const mixed = { accessKeyId, secretAccessKey, sessionToken: session.sessionToken ?? '' };
  assert.equal(await send(createGroup({ credentials: mixed })), 403, 'our token with their key');
  assert.equal(await send(dropHeader(createGroup({ credentials: session }), 'x-amz-security-token')), 403);
  const untold = unsign('x-amz-security-token')(createGroup({ credentials: session }));
  assert.ok((await send(untold)) >= 400, 'a token that is not signed with the rest');
  await notMade();
});

test('an object is written only as it was signed', async () => {
  assert.equal(await send(putObject('right')), 200);
  const attacks: readonly (readonly [string, Wire])[] = [
    ['another body', { ...putObject('a'), body: 'other' }],
    ['another name', { ...putObject('a'), target: `/${BUCKET}/b` }],
    ['a name with dots', { ...putObject('a'), target: `/${BUCKET}/./a` }],
    ['as a copy', addHeader(putObject('a'), 'x-amz-copy-source', `/${BUCKET}/right`)],
    ['with an access control list', addHeader(putObject('a'), 'x-amz-acl', 'bucket-owner-full-control')],
    ['with metadata', addHeader(putObject('a'), 'x-amz-meta-a', 'b')],
    [
      'with the metadata changed',
      setHeader(putObject('a', { 'x-amz-meta-a': 'b' }), 'x-amz-meta-a', () => 'c'),
    ],
    ['with the metadata stripped', dropHeader(putObject('a', { 'x-amz-meta-a': 'b' }), 'x-amz-meta-a')],
    [
      'in chunks',
      setHeader(putObject('a'), 'x-amz-content-sha256', () => 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'),
    ],
    ['without a hash', dropHeader(putObject('a'), 'x-amz-content-sha256')],
    ['sixteen minutes old', putObject('a', {}, { at: clock.now() - 16 * MINUTE_MS })],
    ['for another region', putObject('a', {}, { region: 'eu-west-1' })],
    ['for another service', putObject('a', {}, { service: 'kms' })],
  ];
  for (const [what, wire] of attacks) {
    const status = await send(wire);
    assert.ok(status >= 400, `${what}: ${status}`);
  }
  const { Contents = [] } = await house.slipway.root.send('s3:ListObjectsV2', { Bucket: BUCKET });
  assert.deepEqual(
    Contents.map(({ Key }) => Key),
    ['right'],
  );
});

/**
 * Attacks on what a policy names: who may do everything with `mine` must not reach `theirs`, in whatever spelling, on
 * whatever way. The requests are signed rightly; only their meaning is hostile.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { after, before, test } from 'node:test';
import * as CodeCommit from '@aws-sdk/client-codecommit';
import * as CodeDeploy from '@aws-sdk/client-codedeploy';
import * as CodePipeline from '@aws-sdk/client-codepipeline';
import * as Logs from '@aws-sdk/client-cloudwatch-logs';
import * as S3 from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { signGit } from '#services/codecommit/credentials.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { signRequest } from '#wire/sign.ts';

interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

let house: TestHouse;
let key: Key;
const MINE = 'mine-bucket';
const THEIRS = 'theirs-bucket';
const SECRET = 'the secret of others';
const DENIED = /^AccessDenied/;

before(async () => {
  house = await createTestHouse();
  const { root } = house.slipway;
  for (const Bucket of [MINE, THEIRS]) {
    await root.send('s3:CreateBucket', { Bucket });
    await root.send('s3:PutBucketVersioning', { Bucket, VersioningConfiguration: { Status: 'Enabled' } });
    await root.send('s3:PutObject', { Bucket, Key: 'secret', Body: Buffer.from(SECRET) });
  }
  for (const name of ['mine', 'theirs']) {
    await root.send('codecommit:CreateRepository', { repositoryName: name });
    await root.send('logs:CreateLogGroup', { logGroupName: name });
    await root.send('logs:CreateLogStream', { logGroupName: name, logStreamName: 'stream' });
    await root.send('codedeploy:CreateApplication', { applicationName: name });
  }
  const place = (service: string) => `arn:aws:${service}:${house.region}:${house.account}`;
  key = await createUser('me', [
    { Effect: 'Allow', Action: 's3:*', Resource: [`arn:aws:s3:::${MINE}`, `arn:aws:s3:::${MINE}/*`] },
    { Effect: 'Allow', Action: 'codecommit:*', Resource: `${place('codecommit')}:mine` },
    { Effect: 'Allow', Action: 'logs:*', Resource: `${place('logs')}:log-group:mine:*` },
    {
      Effect: 'Allow',
      Action: 'codedeploy:*',
      Resource: [`${place('codedeploy')}:application:mine`, `${place('codedeploy')}:deploymentgroup:mine/*`],
    },
    { Effect: 'Allow', Action: 'codepipeline:*', Resource: `${place('codepipeline')}:mine*` },
  ]);
});
after(() => house.close());

async function createUser(UserName: string, Statement: readonly object[]): Promise<Key> {
  const { root } = house.slipway;
  await root.send('iam:CreateUser', { UserName });
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await root.send('iam:PutUserPolicy', { UserName, PolicyName: 'own', PolicyDocument });
  const { AccessKey: made } = await root.send('iam:CreateAccessKey', { UserName });
  return { accessKeyId: made?.AccessKeyId ?? '', secretAccessKey: made?.SecretAccessKey ?? '' };
}

const settings = () => ({
  endpoint: house.endpoint,
  region: house.region,
  credentials: key,
  maxAttempts: 1,
});
const s3 = () => new S3.S3Client({ ...settings(), forcePathStyle: true });

const refused = (work: Promise<unknown>, name = DENIED) =>
  assert.rejects(work, (error: Error) => {
    assert.match(error.name, name, error.message);
    return true;
  });

interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/** Exactly this target; clients would tidy it up. */
function raw(
  method: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): Promise<RawAnswer> {
  const { hostname, port } = new URL(house.endpoint);
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, method, path: target, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Signed by hand over the raw target, since URL would normalise it. */
function signedRaw(method: string, target: string, headers: Record<string, string> = {}, body = '') {
  const [path = '', query = ''] = target.split('?');
  // `signRequest` reads only these members of a URL.
  const { host } = new URL(house.endpoint);
  const name = headers['host'] ?? host;
  const url = { host: name, pathname: path, search: query && `?${query}` } as URL;
  const { host: _, ...others } = headers;
  const scope = { service: 's3', region: house.region };
  const signed = signRequest({ method, url, headers: others, body }, scope, key, Date.now());
  return raw(method, target, { ...signed, host: name }, body);
}

test('no path reads an object of another bucket', async () => {
  assert.equal((await signedRaw('GET', `/${MINE}/secret`)).status, 200);
  const targets = [
    `/${THEIRS}/secret`,
    `/${MINE}/../${THEIRS}/secret`,
    `/${MINE}/%2e%2e/${THEIRS}/secret`,
    `/${MINE}/..%2f${THEIRS}/secret`,
    `/${MINE}%2f..%2f${THEIRS}/secret`,
    `/${MINE}%2F${THEIRS}/secret`,
    `//${THEIRS}/secret`,
    `/./${THEIRS}/secret`,
    `/${THEIRS.toUpperCase()}/secret`,
    `/${THEIRS}./secret`,
    `/${THEIRS}%00/secret`,
    `/%74heirs-bucket/secret`,
    `/*/secret`,
    `/${MINE}\\..\\${THEIRS}/secret`,
    `/${THEIRS}/secret?versionId=null`,
    `/${THEIRS}?list-type=2`,
    `/${THEIRS}?prefix=secret`,
    `/${THEIRS}?policy`,
  ];
  for (const target of targets) {
    const { status, text } = await signedRaw('GET', target);
    assert.ok(status >= 400, `${target} answered ${status}`);
    assert.ok(!text.includes(SECRET), target);
  }
});

test('a bucket in the host and a bucket in the path are one bucket, the signed one', async () => {
  const { port } = new URL(house.endpoint);
  const hostOf = (bucket: string) => `${bucket}.localhost:${port}`;
  assert.equal((await signedRaw('GET', '/secret', { host: hostOf(MINE) })).status, 200);
  assert.equal((await signedRaw('GET', '/secret', { host: hostOf(THEIRS) })).status, 403);
  assert.equal((await signedRaw('GET', `/${MINE}/secret`, { host: hostOf(THEIRS) })).status, 403);
  const strange = ['localhost', `${THEIRS}.localhost.`, `${THEIRS}.s3.localhost`, `.${THEIRS}.localhost`];
  for (const host of strange) {
    const answer = await signedRaw('GET', '/secret', { host: `${host}:${port}` });
    assert.ok(answer.status >= 400 && !answer.text.includes(SECRET), `${host} answered ${answer.status}`);
  }
  // Signed for one host, sent to another.
  const { host } = new URL(house.endpoint);
  const url = new URL(`http://${hostOf(MINE)}/secret`);
  const scope = { service: 's3', region: house.region };
  const headers = signRequest({ method: 'GET', url, headers: {}, body: '' }, scope, key, Date.now());
  for (const other of [hostOf(THEIRS), host])
    assert.equal((await raw('GET', '/secret', { ...headers, host: other })).status, 403);
});

test('copies, parts and versions do not cross from another bucket', async () => {
  const sources = [
    `${THEIRS}/secret`,
    `/${THEIRS}/secret`,
    `${THEIRS}%2Fsecret`,
    `${MINE}/../${THEIRS}/secret`,
    `%74heirs-bucket/secret`,
    `${MINE}%2F..%2F${THEIRS}/secret`,
    `arn:aws:s3:::${THEIRS}/secret`,
    `${THEIRS}/secret?versionId=null`,
  ];
  for (const CopySource of sources) {
    const copy = new S3.CopyObjectCommand({ Bucket: MINE, Key: 'copy', CopySource });
    await refused(s3().send(copy), /^(AccessDenied|NoSuchKey|InvalidArgument|NoSuchBucket|InvalidRequest)/);
  }
  await refused(s3().send(new S3.HeadObjectCommand({ Bucket: MINE, Key: 'copy' })), /NotFound/);
  const { root } = house.slipway;
  const { UploadId } = await root.send('s3:CreateMultipartUpload', { Bucket: THEIRS, Key: 'parts' });
  const stolen = { Bucket: MINE, Key: 'parts', UploadId };
  const part = new S3.UploadPartCommand({ ...stolen, PartNumber: 1, Body: 'x' });
  for (const command of [part, new S3.ListPartsCommand(stolen), new S3.AbortMultipartUploadCommand(stolen)])
    await refused(s3().send(command as S3.ListPartsCommand), /^NoSuchUpload/);
  const complete = { ...stolen, MultipartUpload: { Parts: [{ PartNumber: 1, ETag: 'x' }] } };
  await refused(s3().send(new S3.CompleteMultipartUploadCommand(complete)), /^NoSuchUpload/);
  const own = await s3().send(new S3.CreateMultipartUploadCommand({ Bucket: MINE, Key: 'own' }));
  const CopySource = `${THEIRS}/secret`;
  await refused(
    s3().send(
      new S3.UploadPartCopyCommand({
        Bucket: MINE,
        Key: 'own',
        UploadId: own.UploadId,
        PartNumber: 1,
        CopySource,
      }),
    ),
  );
  const { VersionId } = await root.send('s3:HeadObject', { Bucket: THEIRS, Key: 'secret' });
  await refused(
    s3().send(new S3.GetObjectCommand({ Bucket: MINE, Key: 'secret', VersionId })),
    /^NoSuchVersion/,
  );
});

test('a page token of one bucket is none of another', async () => {
  const { root } = house.slipway;
  await root.send('s3:PutObject', { Bucket: THEIRS, Key: 'tertius', Body: Buffer.from('x') });
  const { NextContinuationToken } = await root.send('s3:ListObjectsV2', { Bucket: THEIRS, MaxKeys: 1 });
  const list = { Bucket: MINE, ContinuationToken: NextContinuationToken };
  await refused(s3().send(new S3.ListObjectsV2Command(list)), /^InvalidArgument/);
});

test('a presigned URL is good for exactly what was signed', async () => {
  const url = new URL(
    await getSignedUrl(s3(), new S3.GetObjectCommand({ Bucket: MINE, Key: 'secret' }), { expiresIn: 60 }),
  );
  const target = url.pathname + url.search;
  assert.equal((await raw('GET', target)).status, 200);
  const listing = new URL(
    await getSignedUrl(s3(), new S3.ListObjectsV2Command({ Bucket: MINE, Prefix: 'a+b' }), { expiresIn: 60 }),
  );
  const attacks: readonly [string, string, Record<string, string>?][] = [
    ['PUT', target],
    ['DELETE', target],
    ['HEAD', target],
    ['GET', target.replace(MINE, THEIRS)],
    ['GET', target.replace('/secret', '/other')],
    ['GET', target.replace('/secret', '/./secret')],
    ['GET', `${target}&versionId=null`],
    ['GET', `${target}&response-content-type=text%2Fhtml`],
    ['GET', `${target}&acl`],
    ['GET', target.replace('X-Amz-Expires=60', 'X-Amz-Expires=6000')],
    ['GET', target.replace('X-Amz-Expires=60', 'X-Amz-Expires=60&X-Amz-Expires=6000')],
    ['GET', target.replace('X-Amz-Date=', 'x-amz-date=')],
    ['GET', target, { host: `${THEIRS}.localhost` }],
    ['GET', target, { 'x-amz-copy-source': `${THEIRS}/secret` }],
    ['GET', target, { 'x-amz-security-token': 'x' }],
    ['GET', target, { authorization: 'AWS4-HMAC-SHA256 Credential=x' }],
    ['GET', listing.pathname + listing.search.replace('a%2Bb', 'a+b')],
  ];
  for (const [method, path, headers] of attacks) {
    const answer = await raw(method, path, headers);
    assert.ok(answer.status >= 400, `${method} ${path} ${JSON.stringify(headers)} answered ${answer.status}`);
    assert.ok(!answer.text.includes(SECRET));
  }
});

test('no git path reaches another repository', async () => {
  const { host } = new URL(house.endpoint);
  const ask = (path: string, signedPath: string) => {
    const timestamp = new Date().toISOString().replace(/[-:]|\.\d{3}Z/g, '');
    const proof = { timestamp, region: house.region, secretAccessKey: key.secretAccessKey };
    const signature = signGit({ ...proof, host, path: signedPath });
    const basic = Buffer.from(`${key.accessKeyId}:${timestamp}Z${signature}`).toString('base64');
    return raw('GET', `${path}/info/refs?service=git-upload-pack`, { authorization: `Basic ${basic}` });
  };
  assert.equal((await ask('/v1/repos/mine', '/v1/repos/mine')).status, 200);
  assert.equal((await ask('/v1/repos/theirs', '/v1/repos/theirs')).status, 403);
  assert.equal((await ask('/v1/repos/theirs', '/v1/repos/mine')).status, 401);
  const paths = [
    '/v1/repos/theirs.git',
    '/v1/repos/theirs.git.git',
    '/v1/repos/mine/../theirs',
    '/v1/repos/mine/%2e%2e/theirs',
    '/v1/repos/mine%2f..%2ftheirs',
    '/v1/repos//theirs',
    '/v1/repos/./theirs',
    '/v1/repos/THEIRS',
    '/v1/repos/theirs.',
    '/v1/repos/theirs%00',
    '/v1/repos/%74heirs',
    '/v1/repos/mine%0d%0atheirs',
    '//v1/repos/theirs',
    '/v1/repos/*',
  ];
  for (const path of paths) {
    const { status } = await ask(path, path);
    assert.ok(status >= 400, `${path} answered ${status}`);
  }
});

test('conditions on address and transport hold at the git door as they hold for the API', async () => {
  const secure = { Bool: { 'aws:SecureTransport': 'false' } };
  const elsewhere = { NotIpAddress: { 'aws:SourceIp': '203.0.113.0/24' } };
  const here = { NotIpAddress: { 'aws:SourceIp': '127.0.0.0/8' } };
  const cases = [
    ['secure-only', secure, 403],
    ['elsewhere', elsewhere, 403],
    ['here', here, 200],
  ] as const;
  for (const [name, Condition, expected] of cases) {
    const { accessKeyId, secretAccessKey } = await createUser(name, [
      { Effect: 'Allow', Action: 'codecommit:*', Resource: '*' },
      { Effect: 'Deny', Action: '*', Resource: '*', Condition },
    ]);
    const timestamp = new Date().toISOString().replace(/[-:]|\.\d{3}Z/g, '');
    const { host } = new URL(house.endpoint);
    const path = '/v1/repos/mine';
    const signature = signGit({ timestamp, region: house.region, secretAccessKey, host, path });
    const basic = Buffer.from(`${accessKeyId}:${timestamp}Z${signature}`).toString('base64');
    for (const service of ['git-upload-pack', 'git-receive-pack']) {
      const headers = { authorization: `Basic ${basic}` };
      const { status } = await raw('GET', `${path}/info/refs?service=${service}`, headers);
      assert.equal(status, expected, `${name} ${service}`);
    }
  }
});

test('no API reads or writes another repository, nor another branch than allowed', async () => {
  const client = new CodeCommit.CodeCommitClient(settings());
  for (const repositoryName of ['theirs', 'THEIRS', 'mine/../theirs', '*', 'theirs.git', 'mine\ntheirs']) {
    for (const command of [
      new CodeCommit.GetRepositoryCommand({ repositoryName }),
      new CodeCommit.DeleteRepositoryCommand({ repositoryName }),
    ])
      await refused(
        client.send(command as CodeCommit.GetRepositoryCommand),
        /^(AccessDenied|InvalidRepositoryName|ValidationException)/,
      );
  }
  const names = { repositoryNames: ['mine', 'theirs'] };
  await refused(client.send(new CodeCommit.BatchGetRepositoriesCommand(names)));
  const rename = (oldName: string, newName: string) =>
    client.send(new CodeCommit.UpdateRepositoryNameCommand({ oldName, newName }));
  await refused(rename('mine', 'theirs'));
  await refused(rename('theirs', 'mine'));
  await refused(rename('mine', 'new'));
});

test('a branch that a policy guards is written under no spelling of its name', async () => {
  const repositoryName = 'guarded';
  const { root } = house.slipway;
  await root.send('codecommit:CreateRepository', { repositoryName });
  const file = { repositoryName, filePath: 'a', fileContent: Buffer.from('x') };
  const { commitId } = await root.send('codecommit:PutFile', { ...file, branchName: 'main' });
  const deny = {
    Effect: 'Deny',
    Action: ['codecommit:PutFile', 'codecommit:DeleteFile', 'codecommit:DeleteBranch', 'codecommit:GitPush'],
    Resource: '*',
    Condition: {
      StringEqualsIfExists: { 'codecommit:References': 'refs/heads/main' },
      Null: { 'codecommit:References': 'false' },
    },
  };
  const guarded = await createUser('guarded', [
    { Effect: 'Allow', Action: 'codecommit:*', Resource: '*' },
    deny,
  ]);
  const client = new CodeCommit.CodeCommitClient({ ...settings(), credentials: guarded });
  const put = (branchName: string) =>
    client.send(
      new CodeCommit.PutFileCommand({
        ...file,
        branchName,
        fileContent: Buffer.from(branchName),
        parentCommitId: commitId,
      }),
    );
  await refused(put('main'));
  for (const branchName of ['refs/heads/main', 'heads/main', '/main', 'main/', './main', 'main\n', 'MAIN'])
    await assert.rejects(put(branchName), branchName);
  const remove = { repositoryName, branchName: 'main' };
  await refused(client.send(new CodeCommit.DeleteBranchCommand(remove)));
  assert.equal(await tipOf(repositoryName), commitId);
});

test('a log group is reached under its own name only, and by its own tokens', async () => {
  const client = new Logs.CloudWatchLogsClient(settings());
  const arn = (name: string) => `arn:aws:logs:${house.region}:${house.account}:log-group:${name}`;
  const read = (input: Partial<Logs.GetLogEventsCommandInput>) =>
    client.send(new Logs.GetLogEventsCommand({ logStreamName: 'stream', ...input }));
  await read({ logGroupName: 'mine' });
  await read({ logGroupIdentifier: arn('mine') });
  const refusals = /^(AccessDenied|InvalidParameter|ResourceNotFound)/;
  await refused(read({ logGroupName: 'theirs' }), refusals);
  await refused(read({ logGroupIdentifier: arn('theirs') }), refusals);
  await refused(read({ logGroupIdentifier: `${arn('theirs')}:*` }), refusals);
  await refused(read({ logGroupIdentifier: arn('mine:log-group:theirs') }), refusals);
  await refused(read({ logGroupIdentifier: `${arn('mine')}:*:${arn('theirs')}` }), refusals);
  await refused(read({ logGroupName: 'mine', logStreamName: '../theirs/stream' }), refusals);
  const both = { logGroupName: 'mine', logGroupIdentifier: arn('theirs') };
  const seen = await house.slipway.root
    .send('logs:PutLogEvents', {
      logGroupName: 'theirs',
      logStreamName: 'stream',
      logEvents: [{ timestamp: Date.now(), message: SECRET }],
    })
    .then(() => read(both));
  assert.deepEqual(seen.events, []);
  const { nextForwardToken } = await house.slipway.root.send('logs:GetLogEvents', {
    logGroupName: 'theirs',
    logStreamName: 'stream',
  });
  await refused(read({ logGroupName: 'mine', nextToken: nextForwardToken }), refusals);
  const tag = { resourceArn: arn('theirs'), tags: { a: 'b' } };
  await refused(client.send(new Logs.TagResourceCommand(tag)), refusals);
});

test('tags go by one spelling of an ARN, so that a deny cannot be walked around', async () => {
  const careful = await createUser('careful', [
    { Effect: 'Allow', Action: '*', Resource: '*' },
    {
      Effect: 'Deny',
      Action: '*',
      Resource: [
        `arn:aws:codecommit:${house.region}:${house.account}:theirs`,
        `arn:aws:codedeploy:${house.region}:${house.account}:application:theirs`,
        `arn:aws:codepipeline:${house.region}:${house.account}:theirs`,
        `arn:aws:logs:${house.region}:${house.account}:log-group:theirs*`,
      ],
    },
  ]);
  const client = { ...settings(), credentials: careful };
  const rewritten = (arn: string) => [
    arn,
    arn.replace('arn:aws:', 'arn:aws-cn:'),
    arn.replace(house.region, 'eu-west-1'),
    arn.replace(house.account, '999999999999'),
    arn.replace(house.region, ''),
    arn.replace(/theirs$/, 'THEIRS'),
    arn.replace(/theirs$/, './theirs'),
    `${arn}/`,
    `${arn}:`,
    ` ${arn}`,
  ];
  const place = (service: string) => `arn:aws:${service}:${house.region}:${house.account}:`;
  for (const resourceArn of rewritten(`${place('codecommit')}theirs`))
    await assert.rejects(
      new CodeCommit.CodeCommitClient(client).send(
        new CodeCommit.TagResourceCommand({ resourceArn, tags: { a: 'b' } }),
      ),
      resourceArn,
    );
  for (const ResourceArn of rewritten(`${place('codedeploy')}application:theirs`))
    await assert.rejects(
      new CodeDeploy.CodeDeployClient(client).send(
        new CodeDeploy.TagResourceCommand({ ResourceArn, Tags: [{ Key: 'a', Value: 'b' }] }),
      ),
      ResourceArn,
    );
  for (const resourceArn of rewritten(`${place('codepipeline')}theirs`))
    await assert.rejects(
      new CodePipeline.CodePipelineClient(client).send(
        new CodePipeline.TagResourceCommand({ resourceArn, tags: [{ key: 'a', value: 'b' }] }),
      ),
      resourceArn,
    );
  for (const resourceArn of rewritten(`${place('logs')}log-group:theirs`))
    await assert.rejects(
      new Logs.CloudWatchLogsClient(client).send(
        new Logs.TagResourceCommand({ resourceArn, tags: { a: 'b' } }),
      ),
      resourceArn,
    );
});

test('names with line breaks, quotes, options and expansions are refused or stay text', async () => {
  const { root } = house.slipway;
  const repositoryName = 'words';
  await root.send('codecommit:CreateRepository', { repositoryName });
  const commitMessage = 'line\nauthor Eve <e@x> 1 +0000\n\n$(touch /tmp/x) `id` "\'; \u001b[31m';
  const { commitId } = await root.send('codecommit:PutFile', {
    repositoryName,
    branchName: 'main',
    filePath: 'a $(id) "b" ;\'c',
    fileContent: Buffer.from('x'),
    commitMessage,
    name: 'Mallory',
    email: 'm@example.com',
  });
  const { commit } = await root.send('codecommit:GetCommit', { repositoryName, commitId });
  assert.equal(commit?.message?.trimEnd(), commitMessage.trimEnd());
  assert.equal(commit?.author?.name, 'Mallory');
  const specifiers = [
    '--help',
    '-p',
    `${commitId}\nHEAD`,
    'main\n',
    'main^{tree}',
    'HEAD:../../x',
    '@{upstream}',
    ':/x',
    '../../../HEAD',
    'refs/../HEAD',
    'main --output=/tmp/x',
    '$(id)',
  ];
  for (const commitSpecifier of specifiers)
    await assert.rejects(
      root.send('codecommit:GetFile', { repositoryName, commitSpecifier, filePath: 'a $(id) "b" ;\'c' }),
      (error: { code?: string }) => {
        assert.match(error.code ?? '', /Commit|Validation/, commitSpecifier);
        return true;
      },
    );
  const branches = [
    '--upload-pack=id',
    '-d',
    'a..b',
    'a b',
    'a\nb',
    'a\0b',
    'x.lock',
    '../x',
    'a//b',
    'a^',
    'HEAD',
    '@',
  ];
  for (const branchName of branches)
    await assert.rejects(
      root.send('codecommit:CreateBranch', { repositoryName, branchName, commitId: commitId ?? '' }),
      (error: { code?: string }) => {
        assert.match(error.code ?? '', /BranchName|Validation/, branchName);
        return true;
      },
    );
  for (const filePath of ['../x', 'a/../../x', '.git/config', 'a/.GIT/hooks/x', 'a//b', 'a\0b', './x'])
    await assert.rejects(
      root.send('codecommit:PutFile', {
        repositoryName,
        branchName: 'main',
        filePath,
        fileContent: Buffer.from('x'),
        parentCommitId: commitId,
      }),
      (error: { code?: string }) => {
        assert.match(error.code ?? '', /Path|Validation/, filePath);
        return true;
      },
    );
  for (const [name, email] of [
    ['a\nparent 0000', 'a@b'],
    ['a <b>', 'a@b'],
    ['a', 'a@b> 1 +0000\nx <'],
  ]) {
    const { commitId: next } = await root
      .send('codecommit:PutFile', {
        repositoryName,
        branchName: 'main',
        filePath: `n${createHash('sha1').update(`${name}${email}`).digest('hex')}`,
        fileContent: Buffer.from('x'),
        parentCommitId: await tipOf(repositoryName),
        name,
        email,
      })
      .catch(() => ({ commitId: undefined }));
    if (next === undefined) continue;
    const { commit: made } = await root.send('codecommit:GetCommit', { repositoryName, commitId: next });
    assert.equal(made?.parents?.length, 1);
  }
});

async function tipOf(repositoryName: string): Promise<string | undefined> {
  const { branch } = await house.slipway.root.send('codecommit:GetBranch', {
    repositoryName,
    branchName: 'main',
  });
  return branch?.commitId;
}

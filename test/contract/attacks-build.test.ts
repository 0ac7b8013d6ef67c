/**
 * Attacks from inside a build: its commands are a stranger's. They must reach neither the files of the machine, nor
 * other builds, nor the credentials of anybody else; and who may not see a project must not see its builds.
 */

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Build, CodeBuild } from '@aws-sdk/client-codebuild';
import { type BuildClients, connectBuilds, createBuildRole, ROLE, spec } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

const BUCKET = 'attack-artifacts';
const SECRET = 'what only the server may read';
const UNTIL_MS = 30_000;

let house: TestHouse;
let clients: BuildClients;
before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam);
  await clients.s3.createBucket({ Bucket: BUCKET });
  mkdirSync(join(house.directory, 'outside'));
  writeFileSync(join(house.directory, 'outside', 'secret'), SECRET);
});
after(() => house.close());

let count = 0;
async function run(buildspec: string): Promise<Build> {
  const name = `attack-${++count}`;
  await clients.createProject(name, buildspec, {
    artifacts: { type: 'S3', location: BUCKET, name, packaging: 'NONE', namespaceType: 'NONE' },
  });
  return clients.run(name);
}

/** Everything that builds have put out so far. */
async function artifacts(): Promise<string> {
  const { Contents = [] } = await clients.s3.listObjectsV2({ Bucket: BUCKET });
  const texts = Contents.map(async ({ Key }) => {
    const { Body } = await clients.s3.getObject({ Bucket: BUCKET, Key });
    return `${Key}\n${await Body?.transformToString('latin1')}`;
  });
  return (await Promise.all(texts)).join('\n');
}

test('no base directory of artifacts, by dots, links or patterns, takes files of the machine along', async () => {
  const up = '../'.repeat(30);
  const target = join(house.directory, 'outside');
  const bases = [
    `${up}${target.slice(1)}`,
    `${up}${house.directory.slice(1)}/out*`,
    `${up}{tmp,etc}/*`,
    `/codebuild/../../../../${target.slice(1)}*`,
    `/root/${up}${house.directory.slice(1)}/out*`,
    'link/out*',
    'link/outside',
    'l*nk/outside',
    'deep/*/outside',
    `${house.directory}/out*`,
    'here/..*',
  ];
  const attack = async (base: string) => {
    const commands = [
      `ln -s ${house.directory} link`,
      `mkdir -p deep here && ln -s ${house.directory} deep/l && ln -s ${target} here/..x`,
    ];
    const block = `artifacts:\n  base-directory: ${JSON.stringify(base)}\n  files: ['**/*', secret]\n`;
    assert.equal((await run(spec(commands, block))).buildStatus, 'FAILED', base);
  };
  await Promise.all(bases.map(attack));
  assert.ok(!(await artifacts()).includes(SECRET));
});

test('no artifact file, by dots or links, is one of the machine', async () => {
  const secret = `${house.directory}/outside/secret`;
  const files = ['link', 'folder/secret', 'folder/*', '**/*', `../../../../../..${secret}`];
  const attack = async (file: string, more: string) => {
    const commands = [`ln -s ${secret} link`, `ln -s ${house.directory}/outside folder`];
    await run(spec(commands, `artifacts:\n${more}  files: [${JSON.stringify(file)}]\n`));
  };
  const options = ['', '  enable-symlinks: yes\n'];
  await Promise.all(options.flatMap((more) => files.map((file) => attack(file, more))));
  assert.ok(!(await artifacts()).includes(SECRET));
});

test('commands see neither the data of the server, nor its processes, nor its environment', async () => {
  const data = join(house.directory, 'data');
  const build = await run(
    spec(
      [
        `for f in ${data}/master.key ${data}/keyring.json ${data}/credentials ${data}/slipway.db ${house.directory}/outside/secret; do [ -e $f ] && echo "SEEN $f"; done; true`,
        'for p in /proc/[0-9]*; do tr "\\0" " " <$p/cmdline 2>/dev/null; echo; done | grep -E "[s]lipway|[n]ode " && echo SEEN-PROCESS; true',
        'cat /proc/*/environ 2>/dev/null | tr "\\0" "\\n" | grep -E "SLIPWAY_ROOT|AWS_SECRET" && echo SEEN-ENV; true',
        'grep -E "^CapEff" /proc/self/status; id -u; touch /usr/x 2>/dev/null && echo SEEN-WRITE; true',
        'mount -t tmpfs none /mnt 2>/dev/null && echo SEEN-MOUNT; unshare -m true 2>/dev/null && echo SEEN-UNSHARE; true',
        '[ -n "$(ls /codebuild/../proc/1/root/home 2>/dev/null)" ] && echo SEEN-ROOT; true',
        'echo done > done.txt',
      ],
      'artifacts:\n  files: [done.txt]\n',
    ),
  );
  const lines = await clients.output(build);
  assert.deepEqual(
    lines.filter((line) => line.includes('SEEN')),
    [],
  );
  assert.equal(build.buildStatus, 'SUCCEEDED');
});

test('credentials of a build come only with its own token, and only while it runs', async () => {
  const release = join(house.directory, 'never');
  await clients.createProject(
    'credentials',
    spec([
      'echo "URI $AWS_CONTAINER_CREDENTIALS_FULL_URI"',
      'echo "PLAIN $AWS_CONTAINER_AUTHORIZATION_TOKEN"',
      // Backwards, because the log shows no secret that it knows.
      'echo "TOKEN $(printf %s "$AWS_CONTAINER_AUTHORIZATION_TOKEN" | rev)"',
      `while ! [ -e ${release} ]; do sleep 0.2; done`,
    ]),
  );
  const { id } = await clients.start('credentials');
  const said = await until('the build to tell its token', UNTIL_MS, async () => {
    const build = await clients.get(id);
    if (!build.logs?.streamName || build.currentPhase !== 'BUILD') return undefined;
    const lines = await clients.output(build).catch((): string[] => []);
    const uri = lines.find((line) => line.startsWith('URI '))?.slice(4);
    const token = lines
      .find((line) => line.startsWith('TOKEN '))
      ?.slice(6)
      .split('')
      .reverse()
      .join('');
    if (token) assert.ok(lines.includes('PLAIN ***'));
    return uri && token ? { uri, token } : undefined;
  });
  const ask = (uri: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(uri, { method, headers });
  const { uri, token } = said;
  const right = await ask(uri, { authorization: token });
  assert.equal(right.status, 200);
  const credentials = (await right.json()) as { RoleArn: string; AccessKeyId: string };
  assert.equal(credentials.RoleArn, ROLE);
  assert.match(credentials.AccessKeyId, /^ASIA/);
  const other = uri.replace(/[0-9a-f]{12}$/, '000000000000');
  const wrong: readonly [string, Record<string, string>, string?][] = [
    [uri, {}],
    [uri, { authorization: '' }],
    [uri, { authorization: `${token}x` }],
    [uri, { authorization: `Bearer ${token}` }],
    [uri, { authorization: token.toLowerCase() }],
    [uri, { authorization: token }, 'POST'],
    [other, { authorization: token }],
    [`${uri}/`, { authorization: token }],
    [`${uri}?x`, { authorization: token }],
    [`${uri.replace(/[^/]+$/, '')}`, { authorization: token }],
    [uri.toUpperCase().replace('HTTP', 'http'), { authorization: token }],
  ];
  for (const [place, headers, method] of wrong) {
    const answer = await ask(place, headers, method);
    assert.ok(answer.status >= 400, `${method} ${place} ${JSON.stringify(headers)} → ${answer.status}`);
    assert.doesNotMatch(await answer.text(), /SecretAccessKey/);
  }
  await clients.codebuild.stopBuild({ id: id ?? '' });
  await clients.ended(id);
  assert.equal((await ask(uri, { authorization: token })).status, 404);
});

test('a user of one project reaches no build and no setting of another', async () => {
  const { iam } = clients;
  await clients.createProject('theirs', spec(['true']));
  const build = await clients.run('theirs');
  const uuid = build.id?.split(':')[1] ?? '';
  await iam.createUser({ UserName: 'mine' });
  await iam.putUserPolicy({
    UserName: 'mine',
    PolicyName: 'own',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Action: 'codebuild:*',
          Resource: `arn:aws:codebuild:${house.region}:${house.account}:project/mine*`,
        },
      ],
    }),
  });
  const { AccessKey: key } = await iam.createAccessKey({ UserName: 'mine' });
  const credentials = {
    accessKeyId: key?.AccessKeyId ?? '',
    secretAccessKey: key?.SecretAccessKey ?? '',
  };
  const mine = new CodeBuild({
    endpoint: house.endpoint,
    region: house.region,
    credentials,
    maxAttempts: 1,
  });
  const arn = (kind: string, name: string, start = `arn:aws:codebuild:${house.region}:${house.account}`) =>
    `${start}:${kind}/${name}`;
  const names = [
    'theirs',
    arn('project', 'theirs'),
    arn('project', 'theirs', 'arn:aws-cn:codebuild:eu-west-1:999999999999'),
    `${arn('project', 'mine')}:project/theirs`,
    arn('project', 'mine/../theirs'),
    'THEIRS',
    'mine/../theirs',
    '*',
  ];
  for (const name of names) {
    await assert.rejects(mine.startBuild({ projectName: name }), name);
    await assert.rejects(mine.listBuildsForProject({ projectName: name }), name);
    await mine.deleteProject({ name }).catch(() => undefined);
    const { projects = [] } = await mine.batchGetProjects({ names: [name] }).catch(() => ({ projects: [] }));
    assert.deepEqual(projects, [], name);
  }
  const ids = [
    `theirs:${uuid}`,
    arn('build', `theirs:${uuid}`),
    `${arn('build', 'mine:x')}:build/theirs:${uuid}`,
    `mine:${uuid}`,
    `mine:theirs:${uuid}`,
    `theirs:${uuid.toUpperCase()}`,
  ];
  for (const id of ids) {
    await assert.rejects(mine.stopBuild({ id }), id);
    await assert.rejects(mine.retryBuild({ id }), id);
    const { builds = [] } = await mine.batchGetBuilds({ ids: [id] }).catch(() => ({ builds: [] }));
    assert.deepEqual(builds, [], id);
    await mine.batchDeleteBuilds({ ids: [id] }).catch(() => undefined);
  }
  assert.equal((await clients.get(build.id)).buildStatus, 'SUCCEEDED');
  assert.equal((await clients.codebuild.batchGetProjects({ names: ['theirs'] })).projects?.length, 1);
  // A project of one's own does not act under a role that one may not pass.
  const create = {
    name: 'mine',
    source: { type: 'NO_SOURCE' as const, buildspec: spec(['true']) },
    artifacts: { type: 'NO_ARTIFACTS' as const },
    environment: {
      type: 'LINUX_CONTAINER' as const,
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL' as const,
    },
    serviceRole: ROLE,
  };
  await assert.rejects(mine.createProject(create), { name: 'AccessDeniedException' });
  await clients.codebuild.createProject(create);
  await assert.rejects(mine.updateProject({ name: 'mine', serviceRole: ROLE }), {
    name: 'AccessDeniedException',
  });
  const override = { projectName: 'mine', serviceRoleOverride: ROLE };
  await assert.rejects(mine.startBuild(override), { name: 'AccessDeniedException' });
  assert.ok(readFileSync(join(house.directory, 'outside', 'secret')).length > 0);
});

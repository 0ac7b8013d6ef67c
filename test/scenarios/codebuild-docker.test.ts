/** CodeBuild §5.2, §5.3 and §11: scenarios 38, 39 and 73, with builds in containers of an engine of this test's own. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { SecretsManager } from '@aws-sdk/client-secrets-manager';
import {
  type BuildClients,
  connectBuilds,
  contextOf,
  createBuildRole,
  phasesOf,
  spec,
} from '#test/support/builds.ts';
import {
  dockerProblem,
  ENGINE_PROGRAMS,
  SHELL_PROGRAMS,
  startEngine,
  type TestEngine,
} from '#test/support/docker.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { startRegistry, type TestRegistry } from '#test/support/registry.ts';
import { until } from '#test/support/until.ts';

const PASSWORD = 'a-password-that-nobody-may-read';
const LOGIN = { username: 'puller', password: PASSWORD };
const environment = (image: string, more = {}) => ({
  environment: { type: 'LINUX_CONTAINER', image, computeType: 'BUILD_GENERAL1_SMALL', ...more } as const,
});

describe('builds in containers', { skip: dockerProblem() }, () => {
  let engine: TestEngine;
  let registry: TestRegistry;
  let house: TestHouse;
  let clients: BuildClients;
  const dataOf = (name: string) => join(house.directory, 'data', name);

  before(async () => {
    engine = await startEngine();
    registry = await startRegistry(LOGIN);
    await engine.makeImage('tools:1', [...SHELL_PROGRAMS, 'docker'], ['ENV OF_IMAGE=yes']);
    house = await createTestHouse({
      runtime: 'auto',
      serverEnvironment: { SLIPWAY_DOCKER_SOCKET: engine.socketPath },
    });
    clients = connectBuilds(house);
    await createBuildRole(clients.iam, ['logs:*', 's3:*', 'secretsmanager:GetSecretValue']);
  });
  after(async () => {
    clients?.close();
    await house?.close();
    registry?.close();
    await engine?.close();
  });

  /** Waits until a running build has said that line. */
  async function printed(id: string | undefined, line: string): Promise<void> {
    await until(`the build to print ${line}`, 20_000, async () => {
      const build = await clients.get(id);
      if (build.buildComplete) throw new Error(`the build has ended: ${contextOf(build)}`);
      const lines = build.logs?.streamName ? await clients.output(build).catch((): string[] => []) : [];
      return lines.includes(line) || undefined;
    });
  }

  test('an image of the engine is the whole world of its build, which reaches Slipway and brings its artifact', async () => {
    await clients.s3.createBucket({ Bucket: 'outputs' });
    const commands = [
      'echo $OF_IMAGE $CODEBUILD_BUILD_IMAGE $PWD | cut -c 1-22',
      'curl -s --noproxy "*" $AWS_ENDPOINT_URL/_slipway/health && echo',
      'mkdir out && echo made > out/file && echo x > /root/x && X=1',
      'echo $X $(id -u)',
    ];
    await clients.createProject('image', spec(commands, 'artifacts:\n  files: [out/file]\n'), {
      ...environment('tools:1'),
      artifacts: { type: 'S3', location: 'outputs', name: 'image', packaging: 'NONE' },
    });
    const build = await clients.run('image');
    assert.equal(build.buildStatus, 'SUCCEEDED', contextOf(build));
    assert.deepEqual(await clients.output(build), ['yes tools:1 /codebuild', '{"status":"ok"}', '1 0']);
    const log = (await clients.log(build)).join('\n');
    assert.match(log, /Image tools:1: tools:1, sha256:[0-9a-f]{12}, present in the engine/);
    assert.match(log, /Isolation: container [0-9a-f]{12} of Docker/);
    const { Body } = await clients.s3.getObject({ Bucket: 'outputs', Key: 'image/out/file' });
    assert.equal(await Body?.transformToString(), 'made\n');
    assert.deepEqual([await engine.containers(), await engine.volumes()], [[], []]);
  });

  test('sources, cache, artifacts of the home and run-as work in an image as in a sandbox', async () => {
    await clients.s3.putObject({ Bucket: 'outputs', Key: 'source/file.txt', Body: 'of the source' });
    const buildspec = `version: 0.2
phases:
  build:
    run-as: nobody
    commands: [id -un]
  post_build:
    commands:
      - cat file.txt && echo
      - cat /root/.cache/kept 2>/dev/null || echo 'no cache'
      - mkdir -p /root/.cache /root/out && echo kept >/root/.cache/kept && echo made >/root/out/file
cache:
  paths: ['/root/.cache/**/*']
artifacts:
  base-directory: /root/out
  files: '**/*'
`;
    await clients.createProject('whole', buildspec, {
      ...environment('tools:1'),
      source: { type: 'S3', location: 'outputs/source/', buildspec },
      cache: { type: 'S3', location: 'outputs/cache' },
      artifacts: { type: 'S3', location: 'outputs', name: 'whole', packaging: 'NONE' },
    });
    const first = await clients.run('whole');
    assert.equal(first.buildStatus, 'SUCCEEDED', contextOf(first));
    assert.deepEqual(await clients.output(first), ['nobody', 'of the source', 'no cache']);
    const second = await clients.run('whole');
    assert.deepEqual(await clients.output(second), ['nobody', 'of the source', 'kept']);
    const { Body } = await clients.s3.getObject({ Bucket: 'outputs', Key: 'whole/file' });
    assert.equal(await Body?.transformToString(), 'made\n');
  });

  test('a curated name is the tools of this machine until the catalogue says otherwise', async () => {
    await clients.createProject('curated', spec(['echo ${OF_IMAGE:-host}']));
    const first = await clients.run('curated');
    assert.deepEqual(await clients.output(first), ['host']);
    assert.match(
      (await clients.log(first)).join('\n'),
      /Image aws\/codebuild\/standard:7\.0: the tools of this machine/,
    );
    const rule = { name: 'aws/codebuild/standard:*', use: ['absent:1', 'tools:1', 'host'] };
    writeFileSync(dataOf('image-catalogue.json'), JSON.stringify({ images: [rule] }));
    const second = await clients.run('curated');
    assert.deepEqual(await clients.output(second), ['yes']);
    assert.match(
      (await clients.log(second)).join('\n'),
      /Image aws\/codebuild\/standard:7\.0: tools:1, sha256:/,
    );
    const { platforms } = await clients.codebuild.listCuratedEnvironmentImages({});
    const image = platforms?.[0]?.languages?.[0]?.images?.find(({ name }) => name?.endsWith('standard:7.0'));
    assert.equal(
      image?.description,
      'The first of these that is there: absent:1, tools:1, the tools of this machine',
    );
    writeFileSync(dataOf('image-catalogue.json'), '{"images": 7}');
    const third = await clients.run('curated');
    assert.match(
      contextOf(third) ?? '',
      /^CLIENT_ERROR: The image catalogue image-catalogue\.json is not valid/,
    );
    rmSync(dataOf('image-catalogue.json'));
  });

  test('an image that cannot be pulled fails PROVISIONING with all that was tried', async () => {
    const name = '127.0.0.1:9/none:1';
    writeFileSync(
      dataOf('image-catalogue.json'),
      JSON.stringify({ images: [{ name, use: ['absent:1', name], pull: true }] }),
    );
    await clients.createProject('absent', spec(['true']), environment(name));
    const build = await clients.run('absent');
    rmSync(dataOf('image-catalogue.json'));
    assert.deepEqual(phasesOf(build).slice(2), ['PROVISIONING=FAILED', 'COMPLETED']);
    assert.match(
      contextOf(build) ?? '',
      /^BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE: Unable to pull customer's container image\. CannotPullContainerError: absent:1: .*; 127\.0\.0\.1:9\/none:1: .*connection refused/,
    );
    assert.ok(!existsSync(join(dataOf('codebuild'), 'builds', build.id?.split(':')[1] ?? '')));
  });

  test('a private image is pulled with the credentials of its secret, which nobody reads', async () => {
    const image = `${registry.host}/private:1`;
    await engine.makeImage('private:1', ['sh', 'bash', 'cat', 'env', 'base64', 'tr', 'mkdir', 'sleep']);
    await engine.moveToRegistry('private:1', image, LOGIN);
    const secrets = new SecretsManager({
      endpoint: house.endpoint,
      region: house.region,
      credentials: house.credentials,
    });
    const registryCredential = { credential: 'registry', credentialProvider: 'SECRETS_MANAGER' } as const;
    const privately = environment(image, { imagePullCredentialsType: 'SERVICE_ROLE', registryCredential });
    await clients.createProject('private', spec(['echo pulled', 'env']), privately);
    const early = await clients.run('private');
    assert.match(
      contextOf(early) ?? '',
      /^BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE: .*the registry credential registry cannot be read: /,
    );
    await secrets.createSecret({
      Name: 'registry',
      SecretString: JSON.stringify({ ...LOGIN, password: 'wrong' }),
    });
    const wrong = await clients.run('private');
    assert.match(
      contextOf(wrong) ?? '',
      /CannotPullContainerError: 127.0.0.1:\d+\/private:1: .*(unauthorized|no basic auth)/,
    );
    await secrets.putSecretValue({ SecretId: 'registry', SecretString: JSON.stringify(LOGIN) });
    const build = await clients.run('private');
    assert.equal(build.buildStatus, 'SUCCEEDED', contextOf(build));
    const log = (await clients.log(build)).join('\n');
    assert.match(log, /Image 127.0.0.1:\d+\/private:1: .*, pulled/);
    for (const text of [log, JSON.stringify(build), JSON.stringify(wrong)])
      assert.ok(!text.includes(PASSWORD));
    secrets.destroy();
  });

  test('a build in a container goes on where it was when its server comes back', async () => {
    const commands = ['echo first', 'while [ ! -e /codebuild/go ]; do sleep 0.1; done; echo second'];
    await clients.createProject('restarted', spec(commands), environment('tools:1'));
    const { id } = await clients.start('restarted');
    const workspace = join(dataOf('codebuild'), 'builds', id?.split(':')[1] ?? '', 'workspace');
    await printed(id, 'first');
    const before = await engine.containers('running');
    await house.restart();
    clients.close();
    clients = connectBuilds(house);
    assert.deepEqual(await engine.containers('running'), before);
    writeFileSync(join(workspace, 'go'), '');
    const build = await clients.ended(id);
    assert.equal(build.buildStatus, 'SUCCEEDED', contextOf(build));
    assert.deepEqual(await clients.output(build), ['first', 'second']);
  });

  test('a build in a container that is stopped leaves no container, volume or process', async () => {
    await clients.createProject('stopped', spec(['echo up; sleep 54321']), environment('tools:1'));
    const { id } = await clients.start('stopped');
    await printed(id, 'up');
    await clients.codebuild.stopBuild({ id: id ?? '' });
    const build = await clients.ended(id);
    assert.equal(build.buildStatus, 'STOPPED');
    assert.deepEqual([await engine.containers(), await engine.volumes()], [[], []]);
    assert.equal(spawnSync('pgrep', ['-fc', 'sleep [5]4321'], { encoding: 'utf8' }).stdout.trim(), '0');
  });

  test('scenario 38: without privileged mode docker has no daemon to talk to, and the build fails with its words', async () => {
    await clients.createProject(
      'dockerless',
      spec(['echo FROM scratch >Dockerfile; docker build -t app .', 'docker push app']),
      environment('tools:1'),
    );
    const build = await clients.run('dockerless');
    assert.match(
      contextOf(build) ?? '',
      /^COMMAND_EXECUTION_ERROR: Error while executing command: echo FROM scratch >Dockerfile; docker build -t app \.\. Reason: exit status 1/,
    );
    assert.match(
      (await clients.output(build)).join('\n'),
      /Cannot connect to the Docker daemon at unix:\/\/\/var\/run\/docker\.sock\. Is the docker daemon running\?/,
    );
    await clients.createProject(
      'unallowed',
      spec(['true']),
      environment('tools:1', { privilegedMode: true }),
    );
    assert.equal(
      contextOf(await clients.run('unallowed')),
      'CLIENT_ERROR: Privileged mode is not available: the operator of this server has not allowed it (SLIPWAY_PRIVILEGED_BUILDS)',
    );
  });

  test('scenario 39: a push that asks whether the build succeeds is not reached by one that fails', async () => {
    const guarded = `version: 0.2
phases:
  build:
    commands: ['false']
  post_build:
    commands:
      - if [ "$CODEBUILD_BUILD_SUCCEEDING" = 0 ]; then exit 1; fi; echo pushed
`;
    await clients.createProject('guarded', guarded, environment('tools:1'));
    const build = await clients.run('guarded');
    assert.equal(build.buildStatus, 'FAILED');
    assert.deepEqual(phasesOf(build).slice(6, 8), ['BUILD=FAILED', 'POST_BUILD=FAILED']);
    assert.deepEqual(await clients.output(build), []);
  });

  test('scenario 73: a build in a container sees no other build, no data, no host, no engine', async () => {
    await clients.createProject(
      'victim',
      spec(['echo secret >/codebuild/secret; echo up; sleep 54322']),
      environment('tools:1'),
    );
    const victim = await clients.start('victim');
    await printed(victim.id, 'up');
    const look = [
      `ls ${dataOf('')} ${house.directory} ${engine.socketPath} /var/run/docker.sock 2>/dev/null | head -3; true`,
      'grep -la "sleep.[5]4322" /proc/[0-9]*/cmdline 2>/dev/null | grep -v self; true',
      'cat /codebuild/secret 2>/dev/null; true',
      'curl -s -m 3 --noproxy "*" http://169.254.169.254/ ; true',
      'echo looked',
    ];
    await clients.createProject('thief', spec(look), environment('tools:1'));
    assert.deepEqual(await clients.output(await clients.run('thief')), ['looked']);
    const bombs = [
      'i=0; while [ $i -lt 6000 ]; do sleep 300 & i=$((i+1)); done',
      'head -c 4000000000 /dev/zero | tail >/dev/null',
    ];
    for (const [i, bomb] of bombs.entries()) {
      await clients.createProject(`bomb-${i}`, spec([bomb, 'exit 1']), environment('tools:1'));
      assert.equal((await clients.run(`bomb-${i}`)).buildStatus, 'FAILED');
    }
    assert.equal((await clients.get(victim.id)).buildStatus, 'IN_PROGRESS');
    await clients.codebuild.stopBuild({ id: victim.id ?? '' });
    assert.equal((await clients.ended(victim.id)).buildStatus, 'STOPPED');
    assert.deepEqual(await engine.containers(), []);
    assert.deepEqual(readdirSync(join(dataOf('codebuild'), 'builds')), []);
    assert.ok(!readFileSync('/proc/mounts', 'utf8').includes(`${house.directory}/data/codebuild/builds`));
  });

  test('scenario 38: an image is built and pushed by a privileged build, and its definitions are the artifact', async () => {
    await engine.makeImage('engine:1', [...SHELL_PROGRAMS, ...ENGINE_PROGRAMS], [], {
      'etc/docker/daemon.json': '{"iptables": false, "bridge": "none"}',
    });
    const privileged = await createTestHouse({
      runtime: 'auto',
      serverEnvironment: {
        SLIPWAY_DOCKER_SOCKET: engine.socketPath,
        SLIPWAY_PRIVILEGED_BUILDS: 'allow',
        SLIPWAY_BUILD_NETWORK: `allow:${registry.host}`,
      },
    });
    const there = connectBuilds(privileged);
    try {
      await createBuildRole(there.iam);
      await there.s3.createBucket({ Bucket: 'outputs' });
      const buildspec = `version: 0.2
phases:
  pre_build:
    commands:
      - echo ${PASSWORD} | docker login -u ${LOGIN.username} --password-stdin ${registry.host}
  build:
    commands:
      - tar -C / -c bin lib lib64 usr/bin/sh usr/bin/cat usr/lib usr/lib64 | docker import - base:1
      - printf 'FROM base:1\\nRUN echo built >/made\\nCMD cat /made\\n' >Dockerfile
      - docker build -t app:1 .
      - docker run --rm app:1
      - docker tag app:1 ${registry.host}/app:1
  post_build:
    commands:
      - docker push ${registry.host}/app:1
      - printf '[{"name":"app","imageUri":"%s"}]' ${registry.host}/app:1 >imagedefinitions.json
artifacts:
  files: imagedefinitions.json
`;
      await there.createProject('image', buildspec, {
        ...environment('engine:1', { privilegedMode: true }),
        artifacts: { type: 'S3', location: 'outputs', name: 'image', packaging: 'NONE' },
      });
      const build = await there.run('image');
      const output = (await there.output(build)).join('\n');
      assert.equal(build.buildStatus, 'SUCCEEDED', `${contextOf(build)}\n${output}`);
      assert.match(output, /^built$/m);
      assert.match((await there.log(build)).join('\n'), /PRIVILEGED/);
      assert.ok(registry.tags().includes('app:1'));
      assert.deepEqual((registry.configuration('app:1')['config'] as { Cmd: string[] }).Cmd.slice(-1), [
        'cat /made',
      ]);
      const { Body } = await there.s3.getObject({ Bucket: 'outputs', Key: 'image/imagedefinitions.json' });
      assert.deepEqual(JSON.parse((await Body?.transformToString()) ?? ''), [
        { name: 'app', imageUri: `${registry.host}/app:1` },
      ]);
      assert.deepEqual([await engine.containers(), await engine.volumes()], [[], []]);
      await there.createProject(
        'curated',
        spec(['true']),
        environment('aws/codebuild/standard:7.0', { privilegedMode: true }),
      );
      assert.match(
        contextOf(await there.run('curated')) ?? '',
        /CannotPullContainerError: aws\/codebuild\/standard:7\.0: not in the engine; the tools of this machine: privileged mode needs an image$/,
      );
    } finally {
      there.close();
      await privileged.close();
    }
  });
});

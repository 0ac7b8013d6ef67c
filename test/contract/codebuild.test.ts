/** CodeBuild through the official clients: projects, builds in a real sandbox, their shell, log, artifacts and role. */

import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import {
  type BuildClients,
  connectBuilds,
  contextOf,
  createBuildRole,
  phasesOf,
  ROLE,
  spec,
} from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { until } from '#test/support/until.ts';

let house: TestHouse;
let clients: BuildClients;
before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam);
  await clients.s3.createBucket({ Bucket: 'files' });
});
after(async () => {
  clients.close();
  await house.close();
});

async function refused(promise: Promise<unknown>, name: string, message: string | RegExp): Promise<void> {
  await assert.rejects(promise, (error: Error) => {
    assert.equal(error.name, name, error.message);
    if (typeof message === 'string') assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  });
}

/** Runs a buildspec in a project of its own. */
let count = 0;
async function runSpec(buildspec: string, more = {}) {
  const name = `p${++count}x`;
  await clients.createProject(name, buildspec, more);
  return clients.run(name);
}

test('a project reads back with the defaults of AWS, changes by member, and goes', async () => {
  const { codebuild } = clients;
  await clients.createProject('shop', spec(['echo hi']), { description: 'first' });
  await refused(
    clients.createProject('shop', spec(['echo hi'])),
    'ResourceAlreadyExistsException',
    'Project already exists: arn:aws:codebuild:us-east-1:123456789012:project/shop',
  );
  const { projects, projectsNotFound } = await codebuild.batchGetProjects({ names: ['shop', 'nothing'] });
  const [project] = projects ?? [];
  assert.deepEqual(projectsNotFound, ['nothing']);
  assert.equal(project?.timeoutInMinutes, 60);
  assert.equal(project.queuedTimeoutInMinutes, 480);
  assert.equal(project.encryptionKey, 'arn:aws:kms:us-east-1:123456789012:alias/aws/s3');
  assert.deepEqual(project.cache, { type: 'NO_CACHE' });
  assert.deepEqual(project.environment?.environmentVariables, []);
  assert.ok(project.created instanceof Date);
  const updated = await codebuild.updateProject({
    name: 'shop',
    timeoutInMinutes: 10,
    concurrentBuildLimit: 2,
  });
  assert.equal(updated.project?.description, 'first');
  assert.equal(updated.project.timeoutInMinutes, 10);
  const freed = await codebuild.updateProject({ name: 'shop', concurrentBuildLimit: -1 });
  assert.equal(freed.project?.concurrentBuildLimit, undefined);
  assert.ok((await codebuild.listProjects({})).projects?.includes('shop'));
  await codebuild.deleteProject({ name: 'shop' });
  await codebuild.deleteProject({ name: 'shop' });
  await refused(
    codebuild.startBuild({ projectName: 'shop' }),
    'ResourceNotFoundException',
    'Project cannot be found: arn:aws:codebuild:us-east-1:123456789012:project/shop',
  );
});

test('what no build could honour is refused in the words of AWS', async () => {
  const create = (more: object) => clients.createProject('wrong', spec(['a']), more);
  await refused(
    create({ source: { type: 'S3' } }),
    'InvalidInputException',
    'Project source location is required',
  );
  await refused(
    create({ source: { type: 'CODEPIPELINE' } }),
    'InvalidInputException',
    'Invalid input: when using CodePipeline both sourceType, and artifactType must be set to: CODEPIPELINE',
  );
  await refused(
    create({ artifacts: { type: 'NO_ARTIFACTS', location: 'x' } }),
    'InvalidInputException',
    'Invalid artifacts: artifact type NO_ARTIFACTS should have null location',
  );
  await refused(
    create({ serviceRole: 'arn:aws:iam::999999999999:role/x' }),
    'InvalidInputException',
    "Invalid service role: Service role account ID does not match caller's account",
  );
});

test('a build answers at once, runs its eleven phases and logs what it does', async () => {
  await clients.createProject('hello', spec(['echo hi', 'pwd; id -u']));
  const started = await clients.start('hello');
  assert.equal(started.buildStatus, 'IN_PROGRESS');
  assert.equal(started.buildNumber, 1);
  assert.deepEqual(phasesOf(started), ['SUBMITTED=SUCCEEDED', 'QUEUED']);
  const build = await clients.ended(started.id);
  assert.deepEqual(phasesOf(build), [
    'SUBMITTED=SUCCEEDED',
    'QUEUED=SUCCEEDED',
    'PROVISIONING=SUCCEEDED',
    'DOWNLOAD_SOURCE=SUCCEEDED',
    'INSTALL=SUCCEEDED',
    'PRE_BUILD=SUCCEEDED',
    'BUILD=SUCCEEDED',
    'POST_BUILD=SUCCEEDED',
    'UPLOAD_ARTIFACTS=SUCCEEDED',
    'FINALIZING=SUCCEEDED',
    'COMPLETED',
  ]);
  assert.equal(build.buildStatus, 'SUCCEEDED');
  assert.equal(build.logs?.groupName, '/aws/codebuild/hello');
  assert.equal(build.logs.streamName, build.id?.split(':')[1]);
  const output = await clients.output(build);
  assert.equal(output[0], 'hi');
  assert.match(output[1] ?? '', /^\/codebuild\/output\/src\d+\/src$/);
  assert.equal(output[2], '0');
  const texts = (await clients.log(build)).map((line) => line.replace(/^\[Container\] \S+ \S+ /, ''));
  const shown = [
    'Phase is DOWNLOAD_SOURCE',
    'Entering phase INSTALL',
    'Entering phase BUILD',
    'Running command echo hi',
    'Phase complete: BUILD State: SUCCEEDED',
    'Phase complete: POST_BUILD State: SUCCEEDED',
    'Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED',
  ];
  assert.deepEqual(
    texts.filter((line) => shown.includes(line)),
    shown,
  );
  assert.equal(texts.filter((line) => line.startsWith('Phase complete: ')).length, 6);
  assert.equal((await clients.run('hello')).buildNumber, 2);
});

test('a failing command fails its phase with the reason, and post_build still runs', async () => {
  const build = await runSpec(
    spec(
      ['echo one', 'exit 3', 'echo never'],
      '  post_build:\n    commands: [echo $CODEBUILD_BUILD_SUCCEEDING]\n',
    ),
  );
  assert.equal(build.buildStatus, 'FAILED');
  assert.equal(
    contextOf(build),
    'COMMAND_EXECUTION_ERROR: Error while executing command: exit 3. Reason: exit status 3',
  );
  assert.deepEqual(phasesOf(build).slice(6), [
    'BUILD=FAILED',
    'POST_BUILD=SUCCEEDED',
    'UPLOAD_ARTIFACTS=SUCCEEDED',
    'FINALIZING=SUCCEEDED',
    'COMPLETED',
  ]);
  assert.deepEqual(await clients.output(build), ['one', '0']);
});

test('a failing pre_build ends the build, finally runs in any case, on-failure bends the rules', async () => {
  const failing =
    'version: 0.2\nphases:\n  pre_build:\n    commands: [exit 1]\n    finally: [echo finally]\n  build:\n    commands: [echo built]\n';
  const build = await runSpec(failing);
  assert.deepEqual(phasesOf(build).slice(5), ['PRE_BUILD=FAILED', 'FINALIZING=SUCCEEDED', 'COMPLETED']);
  assert.deepEqual(await clients.output(build), ['finally']);
  const onward = await runSpec(
    failing.replace('commands: [exit 1]', 'on-failure: CONTINUE\n    commands: [exit 1]'),
  );
  assert.deepEqual(await clients.output(onward), ['finally', 'built']);
  assert.equal(onward.buildStatus, 'FAILED');
  const retry = (rule: string) =>
    runSpec(
      `version: 0.2\nphases:\n  build:\n    on-failure: ${rule}\n    commands:\n      - echo x >> n; echo try; [ $(wc -l < n) -ge 3 ]\n`,
    );
  const retried = await retry('RETRY-2');
  assert.equal(retried.buildStatus, 'SUCCEEDED');
  assert.deepEqual(await clients.output(retried), ['try', 'try', 'try']);
  assert.deepEqual(await clients.output(await retry('RETRY-2-timeout')), ['try']);
  assert.deepEqual(await clients.output(await retry('RETRY-1-exit status [0-9]')), ['try', 'try']);
  assert.deepEqual(await clients.output(await retry('RETRY-1-^try$')), ['try', 'try']);
});

for (const shell of ['sh', 'bash']) {
  test(`commands share variables and folder but not options, functions and exits, in ${shell}`, async () => {
    const commands = [
      'mkdir sub && cd sub',
      'X=1; export E="two words"; Q="it\'s \\"quoted\\" $X"; M="a\nb"',
      'set -e',
      'false\necho on',
      'f() { echo function; }',
      'f 2>/dev/null || echo no function',
      'exit 0',
      'echo "$X/$E/$Q/${PWD##*/}"; echo "$M"; sh -c \'echo "child: $X,$E"\'',
    ];
    const build = await runSpec(
      `env:\n  shell: ${shell}\n${spec(commands, '  post_build:\n    commands: [\'echo "${PWD##*/} $X"\']\n')}`,
    );
    assert.equal(contextOf(build), undefined);
    // The log shows commands as they were written, so those of two lines have a line without the mark.
    const output = (await clients.output(build)).filter((line) => line !== 'b"' && line !== 'echo on');
    assert.deepEqual(output, [
      'on',
      'no function',
      `1/two words/it's "quoted" 1/sub`,
      'a',
      'b',
      'child: ,two words',
      'sub 1',
    ]);
  });
}

test('version 0.1 starts every command anew', async () => {
  const build = await runSpec(
    'version: 0.1\nenvironment_variables:\n  plaintext: { K: v }\nphases:\n  build:\n    commands: ["mkdir s; cd s; X=1", "echo ${PWD##*/} [$X] $K"]',
  );
  assert.deepEqual(await clients.output(build), ['src [] v']);
});

test('the value of a variable comes from override, project and buildspec, in this order', async () => {
  const buildspec = `env:\n  variables: { V: spec, PATHLIKE: "$PATH:/x", W: spec }\n${spec(['echo $V $W $PATHLIKE $CODEBUILD_CI $HOME; [ "$CODEBUILD_BUILD_ID" ] && echo id'])}`;
  const image = {
    type: 'LINUX_CONTAINER',
    image: 'aws/codebuild/standard:7.0',
    computeType: 'BUILD_GENERAL1_SMALL',
  } as const;
  await clients.createProject('vars', `version: 0.2\n${buildspec.replace('version: 0.2\n', '')}`, {
    environment: { ...image, environmentVariables: [{ name: 'V', value: 'project' }] },
  });
  const first = await clients.run('vars');
  assert.deepEqual(await clients.output(first), ['project spec $PATH:/x true /root', 'id']);
  const second = await clients.run('vars', {
    environmentVariablesOverride: [{ name: 'V', value: 'over ride' }],
  });
  assert.deepEqual(await clients.output(second), ['over ride spec $PATH:/x true /root', 'id']);
});

test('exported variables come from the last environment', async () => {
  const build = await runSpec(`env:\n  exported-variables: [TAG, AWS_REGION, UNSET]\n${spec(['TAG="v 1"'])}`);
  assert.deepEqual(build.exportedEnvironmentVariables, [{ name: 'TAG', value: 'v 1' }]);
});

test('mistakes in a buildspec are told in DOWNLOAD_SOURCE', async () => {
  const build = await runSpec('version: 0.2\nphases:\n  prebuild:\n    commands: [a]\n');
  assert.equal(
    contextOf(build),
    'YAML_FILE_ERROR: Invalid buildspec phase name: prebuild. Expecting: build,install,post_build,pre_build',
  );
  assert.deepEqual(phasesOf(build).slice(3), ['DOWNLOAD_SOURCE=FAILED', 'FINALIZING=SUCCEEDED', 'COMPLETED']);
  const secret = await runSpec(`env:\n  parameter-store: { P: /x }\n${spec(['a'])}`);
  assert.match(
    contextOf(secret) ?? '',
    /^Decrypted Variables Error: AccessDeniedException: .* not authorized to perform: ssm:GetParameters/,
  );
});

test('S3 sources are unpacked with their modes, and artifacts packed with theirs', async () => {
  const folder = join(house.directory, 'zip');
  execFileSync('sh', [
    '-c',
    `mkdir -p ${folder}/bin && cd ${folder} && printf '#!/bin/sh\necho ran\n' > bin/tool && chmod 755 bin/tool && echo data > data.txt && ln -s data.txt link && zip -qry ../source.zip .`,
  ]);
  await clients.s3.putObject({
    Bucket: 'files',
    Key: 'source.zip',
    Body: readFileSync(join(house.directory, 'source.zip')),
  });
  await clients.s3.putObject({ Bucket: 'files', Key: 'folder/a/b.txt', Body: 'from a folder' });
  const buildspec = `artifacts:\n  files: ['**/*', missing]\n  exclude-paths: ['**/*.map']\n  base-directory: out\n  name: app-$WHAT\n${spec(
    [
      'bin/tool; cat link; cat $CODEBUILD_SRC_DIR_other/a/b.txt; mkdir -p out/deep; cp bin/tool out/deep/; echo m > out/x.map; WHAT=today',
    ],
  )}`;
  await clients.createProject('zip', buildspec, {
    source: { type: 'S3', location: 'files/source.zip', buildspec },
    secondarySources: [{ type: 'S3', location: 'files/folder/', sourceIdentifier: 'other' }],
    artifacts: {
      type: 'S3',
      location: 'files',
      path: 'made',
      packaging: 'ZIP',
      namespaceType: 'BUILD_ID',
      name: 'app',
      overrideArtifactName: true,
    },
  });
  const build = await clients.run('zip');
  assert.equal(contextOf(build), undefined);
  assert.deepEqual((await clients.output(build)).slice(0, 3), ['ran', 'data', 'from a folder']);
  const key = `made/${build.id?.split(':')[1]}/app-today`;
  assert.equal(build.artifacts?.location, `arn:aws:s3:::files/${key}`);
  const { Body, Metadata } = await clients.s3.getObject({ Bucket: 'files', Key: key });
  writeFileSync(join(house.directory, 'made.zip'), (await Body?.transformToByteArray()) ?? '');
  assert.equal(Metadata?.['codebuild-buildarn'], build.arn);
  assert.equal(Metadata?.['codebuild-content-sha256'], build.artifacts.sha256sum);
  const listing = execFileSync('unzip', ['-Z', join(house.directory, 'made.zip')], { encoding: 'utf8' });
  assert.match(listing, /^-rwxr-xr-x .* deep\/tool$/m);
  assert.doesNotMatch(listing, /x\.map/);
  assert.ok((await clients.log(build)).some((line) => line.endsWith('Skipping invalid file path missing')));
});

test('artifacts without a match fail, and a link never takes a file of the machine along', async () => {
  const more = { artifacts: { type: 'S3', location: 'files', name: 'none', packaging: 'ZIP' } } as const;
  const none = await runSpec(`artifacts:\n  files: [nothing]\n${spec(['true'])}`, more);
  assert.equal(contextOf(none), 'CLIENT_ERROR: no matching artifact paths found');
  const link = await runSpec(`artifacts:\n  files: ['**/*']\n${spec(['ln -s /etc/passwd p'])}`, more);
  assert.equal(contextOf(link), 'CLIENT_ERROR: artifact p is a link that leads out of its base directory');
  const base = await runSpec(`artifacts:\n  files: ['*']\n  base-directory: /etc\n${spec(['true'])}`, more);
  assert.equal(contextOf(base), 'CLIENT_ERROR: no matching base directory path found for /etc');
  const flat = await runSpec(
    `artifacts:\n  files: ['**/*']\n  base-directory: 'my-*'\n  discard-paths: yes\n${spec(['mkdir -p my-a/x my-b; echo a > my-a/x/one; echo b > my-b/two'])}`,
    {
      artifacts: { type: 'S3', location: 'files', name: 'flat', packaging: 'NONE' },
    },
  );
  assert.equal(contextOf(flat), undefined);
  const { Contents } = await clients.s3.listObjectsV2({ Bucket: 'files', Prefix: 'flat/' });
  assert.deepEqual(
    Contents?.map((object) => object.Key),
    ['flat/one', 'flat/two'],
  );
});

test('a source folder replaced by a link gives nothing of the machine away', async () => {
  const hidden = join(house.directory, 'data');
  for (const target of [hidden, '/etc', '../../../..', '/']) {
    for (const base of ['', '  base-directory: .\n', '  base-directory: ../src\n']) {
      const build = await runSpec(
        `artifacts:\n  files: ['*', 'passwd', 'etc/passwd', 'data/*']\n${base}${spec([
          `cd ..; rm -rf src; ln -s ${target} src`,
        ])}`,
        { artifacts: { type: 'S3', location: 'files', name: 'stolen', packaging: 'NONE' } },
      );
      assert.match(contextOf(build) ?? '', /^CLIENT_ERROR: no matching base directory path found for /);
    }
  }
  const { Contents } = await clients.s3.listObjectsV2({ Bucket: 'files', Prefix: 'stolen' });
  assert.equal(Contents, undefined);
});

test('an archive that would leave its folder is refused', async () => {
  const python = `import zipfile,sys\nz=zipfile.ZipFile(sys.argv[1],'w')\nl=zipfile.ZipInfo('d');l.external_attr=0o120777<<16\nz.writestr(l,sys.argv[2])\nz.writestr('d/evil' if sys.argv[3] else 'x','y')`;
  for (const [target, through] of [
    ['/tmp', ''],
    ['../..', ''],
  ] as const) {
    const file = join(house.directory, 'evil.zip');
    spawnSync('python3', ['-c', python, file, target, through]);
    await clients.s3.putObject({ Bucket: 'files', Key: 'evil.zip', Body: readFileSync(file) });
    const build = await runSpec('', { source: { type: 'S3', location: 'files/evil.zip' } });
    assert.equal(contextOf(build), 'CLIENT_ERROR: the link d leads out of the archive for primary source');
  }
});

test('a repository is cloned with the role of the build, at branch, tag, commit and depth', async () => {
  const { iam } = clients;
  const work = join(house.directory, 'clone');
  const run = promisify(execFile);
  // The house answers git in this very process, so nothing here may block.
  const git = async (...words: string[]) =>
    (await run('git', ['-C', work, ...words], { env: house.environment })).stdout.trim();
  await iam.createUser({ UserName: 'dev' });
  await iam.putUserPolicy({
    UserName: 'dev',
    PolicyName: 'git',
    PolicyDocument:
      '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"codecommit:*","Resource":"*"}]}',
  });
  const { ServiceSpecificCredential: credential } = await iam.createServiceSpecificCredential({
    UserName: 'dev',
    ServiceName: 'codecommit.amazonaws.com',
  });
  const { CodeCommit } = await import('@aws-sdk/client-codecommit');
  const codecommit = new CodeCommit({
    endpoint: house.endpoint,
    region: house.region,
    credentials: house.credentials,
  });
  await codecommit.createRepository({ repositoryName: 'repo' });
  execFileSync('git', ['init', '-q', '-b', 'main', work]);
  const buildspec = spec([
    'git log --format=%s | head -3; cat file; echo $CODEBUILD_RESOLVED_SOURCE_VERSION; cat .git/config',
    'pwd',
  ]);
  writeFileSync(join(work, 'buildspec.yml'), buildspec);
  const commit = async (text: string) => {
    writeFileSync(join(work, 'file'), `${text}\n`);
    await git('add', '-A');
    await git('-c', 'user.name=dev', '-c', 'user.email=dev@example.com', 'commit', '-qm', text);
    return git('rev-parse', 'HEAD');
  };
  const first = await commit('first');
  await git('tag', 'v1');
  const second = await commit('second');
  const url = new URL(`${house.endpoint}/v1/repos/repo`);
  url.username = encodeURIComponent(credential?.ServiceUserName ?? '');
  url.password = encodeURIComponent(credential?.ServicePassword ?? '');
  await git('push', '-q', url.href, 'main', '--tags');
  await codecommit.updateDefaultBranch({ repositoryName: 'repo', defaultBranchName: 'main' });
  await clients.createProject('git', '', {
    source: { type: 'CODECOMMIT', location: 'https://git-codecommit.us-east-1.amazonaws.com/v1/repos/repo' },
  });
  const build = await clients.run('git');
  assert.equal(contextOf(build), undefined);
  assert.equal(build.resolvedSourceVersion, second);
  const output = await clients.output(build);
  assert.deepEqual(output.slice(0, 4), ['second', 'first', 'second', second]);
  assert.match(output.at(-1) ?? '', /\/src\/git-codecommit\.us-east-1\.amazonaws\.com\/v1\/repos\/repo$/);
  assert.doesNotMatch(output.join(), /AKIA|ASIA|password|@127/);
  for (const version of ['v1', first, 'refs/tags/v1']) {
    assert.equal(
      (await clients.run('git', { sourceVersion: version })).resolvedSourceVersion,
      first,
      version,
    );
  }
  const shallow = await clients.run('git', { sourceVersion: 'main', gitCloneDepthOverride: 1 });
  assert.deepEqual((await clients.output(shallow)).slice(0, 2), ['second', 'second']);
  codecommit.destroy();
  const wrong = await clients.run('git', { sourceVersion: 'nothing' });
  assert.equal(
    contextOf(wrong),
    'CLIENT_ERROR: reference not found for primary source and source version nothing',
  );
  const missing = await clients.run('git', { sourceLocationOverride: `${house.endpoint}/v1/repos/other` });
  assert.match(
    contextOf(missing) ?? '',
    /^CLIENT_ERROR: (repository not found|authorization failed) for primary source$/,
  );
});

test('the credentials of the role reach the build through the container endpoint only, and end with it', async () => {
  const node = process.execPath;
  const buildspec = spec([
    'curl -s -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" "$AWS_CONTAINER_CREDENTIALS_FULL_URI" | tr "," "\\n" | grep -E "RoleArn|Expiration" ',
    'curl -s -o /dev/null -w "%{http_code}\\n" "$AWS_CONTAINER_CREDENTIALS_FULL_URI"',
    'echo $AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN; env | grep -c -E "SECRET|ACCESS_KEY"; echo ASIAABCDEFGHIJKLMNOP',
  ]);
  assert.ok(node);
  const build = await runSpec(buildspec);
  const output = await clients.output(build);
  assert.ok(
    output.some((line) => line.includes(`"RoleArn":"${ROLE}"`)),
    output.join('\n'),
  );
  assert.ok(output.includes('403'));
  const [uri = '', token] = output.find((line) => line.startsWith('http'))?.split(' ') ?? [];
  assert.equal(token, '***');
  assert.equal(output.at(-2), '0');
  assert.equal(output.at(-1), '***');
  assert.equal((await fetch(uri, { headers: { authorization: 'x' } })).status, 403);
});

test('a role that CodeBuild may not assume, or that may not log, fails in PROVISIONING', async () => {
  const { iam } = clients;
  const deny =
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}';
  await iam.createRole({ RoleName: 'other', AssumeRolePolicyDocument: deny });
  const other = await runSpec(spec(['a']), { serviceRole: 'other' });
  assert.match(
    contextOf(other) ?? '',
    /^ACCESS_DENIED: CodeBuild is not authorized to perform: sts:AssumeRole on arn:aws:iam::123456789012:role\/other/,
  );
  assert.deepEqual(phasesOf(other).slice(2), ['PROVISIONING=FAILED', 'COMPLETED']);
  await iam.createRole({ RoleName: 'mute', AssumeRolePolicyDocument: deny.replace('ec2', 'codebuild') });
  const mute = await runSpec(spec(['a']), { serviceRole: 'mute' });
  assert.match(
    contextOf(mute) ?? '',
    /does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams/,
  );
  const quiet = await runSpec(spec(['true']), {
    serviceRole: 'mute',
    logsConfig: { cloudWatchLogs: { status: 'DISABLED' } },
  });
  assert.equal(quiet.buildStatus, 'SUCCEEDED');
});

test('what this machine cannot give fails in PROVISIONING, not at the API', async () => {
  const environment = {
    type: 'LINUX_CONTAINER',
    image: 'node:24',
    computeType: 'BUILD_GENERAL1_SMALL',
  } as const;
  const image = await runSpec(spec(['a']), { environment });
  assert.match(
    contextOf(image) ?? '',
    /^BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE: Unable to pull customer's container image\. CannotPullContainerError: node:24: this server was started with --runtime sandbox/,
  );
  const privileged = await runSpec(spec(['a']), {
    environment: { ...environment, image: 'aws/codebuild/standard:7.0', privilegedMode: true },
  });
  assert.equal(
    contextOf(privileged),
    'CLIENT_ERROR: Privileged mode is not available: this server runs no images',
  );
});

test('a stopped build shows STOPPED, leaves no process, and may be stopped again', async () => {
  await clients.createProject(
    'long',
    spec(
      ['echo begin; sleep 5551', 'echo never'],
      '    finally: [echo never]\n  post_build:\n    commands: [echo never]\n',
    ),
  );
  const { id } = await clients.start('long');
  const running = await until('the first line', 10_000, async () => {
    const build = await clients.get(id);
    return build.logs?.streamName && (await clients.output(build)).includes('begin') ? build : undefined;
  });
  assert.equal(running.currentPhase, 'BUILD');
  assert.deepEqual(
    await clients.codebuild.batchDeleteBuilds({ ids: [id ?? ''] }).then((answer) => answer.buildsNotDeleted),
    [{ id, statusCode: 'BUILD_IN_PROGRESS' }],
  );
  const stopped = await clients.codebuild.stopBuild({ id });
  assert.equal(stopped.build?.buildStatus, 'STOPPED');
  const build = await clients.ended(id);
  assert.deepEqual(phasesOf(build).slice(6), ['BUILD=STOPPED', 'COMPLETED']);
  assert.equal(spawnSync('pgrep', ['-f', 'sleep 5551']).status, 1);
  assert.equal((await clients.codebuild.stopBuild({ id })).build?.buildStatus, 'STOPPED');
  assert.deepEqual(
    (await clients.output(build)).filter((line) => line === 'never'),
    [],
  );
  await refused(
    clients.codebuild.stopBuild({ id: 'long:00000000-0000-0000-0000-000000000000' }),
    'ResourceNotFoundException',
    /does not exist/,
  );
});

test('the limit of a project refuses without using a number, and a token starts once', async () => {
  await clients.createProject('limited', spec(['sleep 60']), { concurrentBuildLimit: 1 });
  const first = await clients.start('limited', { idempotencyToken: 'once' });
  const again = await clients.start('limited', { idempotencyToken: 'once' });
  assert.equal(again.id, first.id);
  await refused(
    clients.start('limited', { idempotencyToken: 'once', sourceVersion: 'x' }),
    'InvalidInputException',
    'The idempotency token was used before with different parameters',
  );
  await refused(clients.start('limited'), 'AccountLimitExceededException', /concurrent build limit of 1/);
  await clients.codebuild.stopBuild({ id: first.id });
  await clients.ended(first.id);
  const next = await clients.start('limited');
  assert.equal(next.buildNumber, 2);
  await clients.codebuild.stopBuild({ id: next.id });
  await clients.ended(next.id);
});

test('builds are listed, retried and forgotten', async () => {
  await clients.createProject('list', spec(['true']));
  const first = await clients.run('list');
  const { build: second } = await clients.codebuild.retryBuild({ id: first.id });
  await clients.ended(second?.id);
  const { ids } = await clients.codebuild.listBuildsForProject({ projectName: 'list' });
  assert.deepEqual(ids, [second?.id, first.id]);
  assert.ok((await clients.codebuild.listBuilds({})).ids?.includes(first.id ?? ''));
  const deleted = await clients.codebuild.batchDeleteBuilds({ ids: [first.id ?? ''] });
  assert.deepEqual(deleted.buildsDeleted, [first.arn]);
  const { buildsNotFound } = await clients.codebuild.batchGetBuilds({ ids: [first.arn ?? ''] });
  assert.deepEqual(buildsNotFound, [first.arn]);
  await refused(
    clients.codebuild.batchGetBuilds({ ids: ['nonsense'] }),
    'InvalidInputException',
    'Invalid build ID provided',
  );
});

test('a line is in CloudWatch Logs while the command still runs', async () => {
  await clients.createProject('live', spec(['echo first; sleep 1; date +%s%3N; sleep 2']));
  const { id } = await clients.start('live');
  const printedAt = await until('the line with the time', 15_000, async () => {
    const build = await clients.get(id);
    const lines = build.logs?.streamName ? await clients.output(build) : [];
    return lines[1] === undefined ? undefined : Number(lines[1]);
  });
  const delay = Date.now() - printedAt;
  assert.ok(delay < 1000, `the line took ${delay} ms`);
  assert.equal((await clients.get(id)).buildComplete, false);
  await clients.ended(id);
});

test('nothing of a build is left on the machine', () => {
  const folder = join(house.directory, 'data/codebuild/builds');
  assert.deepEqual(existsSync(folder) ? readdirSync(folder) : [], []);
});

/** CodeCommit sources that hand on a repository to clone, in place of its files. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CodeCommit } from '@aws-sdk/client-codecommit';
import type { ActionDeclaration } from '@aws-sdk/client-codepipeline';
import { action, createWorkshop, SITE, type Workshop } from '#test/support/actions.ts';

let workshop: Workshop;
let commitId: string | undefined;

before(async () => {
  workshop = await createWorkshop();
  const { endpoint, region, credentials } = workshop.house;
  const codecommit = new CodeCommit({ endpoint, region, credentials, maxAttempts: 1 });
  await codecommit.createRepository({ repositoryName: 'web' });
  for (const word of ['first', 'second']) {
    ({ commitId } = await codecommit.putFile({
      repositoryName: 'web',
      branchName: 'main',
      filePath: 'a.txt',
      fileContent: Buffer.from(word),
      commitMessage: word,
      ...(commitId === undefined ? {} : { parentCommitId: commitId }),
    }));
  }
  codecommit.destroy();
  await workshop.createProject('clone');
});
after(() => workshop.close());

function create(name: string, consumer: ActionDeclaration): Promise<string> {
  const source = action('Fetch', 'Source/CodeCommit', {
    outputArtifacts: SITE,
    configuration: {
      RepositoryName: 'web',
      BranchName: 'main',
      PollForSourceChanges: 'false',
      OutputArtifactFormat: 'CODEBUILD_CLONE_REF',
    },
  });
  return workshop.pipelines.create(name, [], {
    stages: [
      { name: 'S1', actions: [source] },
      { name: 'S2', actions: [consumer] },
    ],
  });
}

test('a build gets the whole history, at the commit of the pipeline', async () => {
  const buildspec = {
    version: '0.2',
    env: { 'exported-variables': ['LOG', 'HEAD', 'RESOLVED'] },
    phases: {
      build: {
        commands: [
          'LOG=$(git log --format=%s | tr "\\n" " "; cat a.txt)',
          'HEAD=$(git rev-parse HEAD) RESOLVED=$CODEBUILD_RESOLVED_SOURCE_VERSION',
        ],
      },
    },
  };
  const build = action('Build', 'Build/CodeBuild', {
    inputArtifacts: SITE,
    configuration: { ProjectName: 'clone', BuildspecOverride: JSON.stringify(buildspec) },
  });
  const first = await create('clone', build);
  await workshop.ends('clone', first, 'Succeeded');
  const { output } = await workshop.run('clone', first, 'Build');
  assert.deepEqual(output?.outputVariables, {
    LOG: 'second first second',
    HEAD: commitId,
    RESOLVED: commitId,
  });
});

test('every other action that is given a repository to clone is refused', async () => {
  const deploy = action('Use', 'Deploy/S3', {
    inputArtifacts: SITE,
    configuration: { BucketName: 'site', Extract: 'false', ObjectKey: 'site.zip' },
  });
  const commands = action('Use', 'Compute/Commands', { inputArtifacts: SITE, commands: ['true'] });
  for (const [name, consumer] of Object.entries({ deploy, commands })) {
    const first = await create(name, consumer);
    await workshop.ends(name, first, 'Failed');
    assert.equal(
      await workshop.error(name, first, 'Use'),
      'ConfigurationError: The artifact Site has the format CODEBUILD_CLONE_REF, which only CodeBuild actions can use',
    );
  }
});

/** CodeCommit's API through the official JS client: repositories, branches, reading and writing files. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as CodeCommit from '@aws-sdk/client-codecommit';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

let house: TestHouse;
let client: CodeCommit.CodeCommitClient;

before(async () => {
  house = await createTestHouse();
  const { endpoint, region, credentials } = house;
  client = new CodeCommit.CodeCommitClient({ endpoint, region, credentials, maxAttempts: 1 });
});
after(() => house.close());

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return (error as Error).name;
  }
  assert.fail('it should have been refused');
}

let repositories = 0;
async function createRepository(): Promise<string> {
  const repositoryName = `api-${++repositories}`;
  await client.send(new CodeCommit.CreateRepositoryCommand({ repositoryName }));
  return repositoryName;
}

async function put(
  repositoryName: string,
  filePath: string,
  text: string,
  more: Partial<CodeCommit.PutFileCommandInput> = {},
) {
  const fileContent = Buffer.from(text);
  return await client.send(
    new CodeCommit.PutFileCommand({ repositoryName, branchName: 'main', filePath, fileContent, ...more }),
  );
}

test('a repository is made, described, renamed, listed and deleted', async () => {
  const made = await client.send(
    new CodeCommit.CreateRepositoryCommand({
      repositoryName: 'shop',
      repositoryDescription: 'A <shop>',
      tags: { team: 'a' },
    }),
  );
  const metadata = made.repositoryMetadata;
  assert.deepEqual(metadata, {
    accountId: '123456789012',
    repositoryId: metadata?.repositoryId,
    repositoryName: 'shop',
    repositoryDescription: 'A <shop>',
    creationDate: metadata?.creationDate,
    lastModifiedDate: metadata?.lastModifiedDate,
    cloneUrlHttp: `${house.endpoint}/v1/repos/shop`,
    Arn: 'arn:aws:codecommit:us-east-1:123456789012:shop',
  });
  const again = client.send(new CodeCommit.CreateRepositoryCommand({ repositoryName: 'shop' }));
  assert.equal(await failure(again), 'RepositoryNameExistsException');
  for (const repositoryName of ['x.git', 'a b', 'a'.repeat(101)]) {
    const bad = client.send(new CodeCommit.CreateRepositoryCommand({ repositoryName }));
    assert.equal(await failure(bad), 'InvalidRepositoryNameException', repositoryName);
  }
  const resourceArn = metadata?.Arn;
  await client.send(new CodeCommit.TagResourceCommand({ resourceArn, tags: { stage: 'b' } }));
  await client.send(new CodeCommit.UntagResourceCommand({ resourceArn, tagKeys: ['team', 'none'] }));
  assert.deepEqual((await client.send(new CodeCommit.ListTagsForResourceCommand({ resourceArn }))).tags, {
    stage: 'b',
  });
  await client.send(new CodeCommit.UpdateRepositoryNameCommand({ oldName: 'shop', newName: 'store' }));
  const gone = client.send(new CodeCommit.GetRepositoryCommand({ repositoryName: 'shop' }));
  assert.equal(await failure(gone), 'RepositoryDoesNotExistException');
  const both = await client.send(
    new CodeCommit.BatchGetRepositoriesCommand({ repositoryNames: ['store', 'shop'] }),
  );
  assert.deepEqual(
    both.repositories?.map((each) => each.repositoryId),
    [metadata?.repositoryId],
  );
  assert.deepEqual(both.repositoriesNotFound, ['shop']);
  const listed = await client.send(new CodeCommit.ListRepositoriesCommand({}));
  assert.ok(listed.repositories?.some((each) => each.repositoryName === 'store'));
  const deleted = await client.send(new CodeCommit.DeleteRepositoryCommand({ repositoryName: 'store' }));
  assert.equal(deleted.repositoryId, metadata?.repositoryId);
  const twice = await client.send(new CodeCommit.DeleteRepositoryCommand({ repositoryName: 'store' }));
  assert.equal(twice.repositoryId, undefined);
});

test('PutFile makes the first branch, then wants the tip as parent', async () => {
  const repositoryName = await createRepository();
  const first = await put(repositoryName, 'dir/a.txt', 'one', { name: 'Dana', email: 'dana@example.com' });
  const { repositoryMetadata } = await client.send(new CodeCommit.GetRepositoryCommand({ repositoryName }));
  assert.equal(repositoryMetadata?.defaultBranch, 'main');
  assert.equal(await failure(put(repositoryName, 'dir/a.txt', 'two')), 'ParentCommitIdRequiredException');
  const parentCommitId = first.commitId;
  assert.equal(
    await failure(put(repositoryName, 'dir/a.txt', 'one', { parentCommitId })),
    'SameFileContentException',
  );
  const second = await put(repositoryName, 'dir/a.txt', 'two', { parentCommitId, commitMessage: 'Second' });
  assert.equal(
    await failure(put(repositoryName, 'dir/a.txt', 'three', { parentCommitId })),
    'ParentCommitIdOutdatedException',
  );
  const clash = put(repositoryName, 'dir', 'x', { parentCommitId: second.commitId });
  assert.equal(await failure(clash), 'FileNameConflictsWithDirectoryNameException');
  const below = put(repositoryName, 'dir/a.txt/b', 'x', { parentCommitId: second.commitId });
  assert.equal(await failure(below), 'DirectoryNameConflictsWithFileNameException');
  const escape = put(repositoryName, '../a', 'x', { parentCommitId: second.commitId });
  assert.equal(await failure(escape), 'InvalidPathException');
  const { commit } = await client.send(
    new CodeCommit.GetCommitCommand({ repositoryName, commitId: second.commitId }),
  );
  assert.deepEqual(
    [commit?.message, commit?.parents, commit?.treeId],
    ['Second', [first.commitId], second.treeId],
  );
  const file = await client.send(new CodeCommit.GetFileCommand({ repositoryName, filePath: '/dir/a.txt' }));
  assert.equal(Buffer.from(file.fileContent ?? []).toString(), 'two');
  assert.equal(file.blobId, second.blobId);
});

test('CreateCommit puts, moves, deletes and changes modes in one commit', async () => {
  const repositoryName = await createRepository();
  const { commitId: parentCommitId } = await client.send(
    new CodeCommit.CreateCommitCommand({
      repositoryName,
      branchName: 'main',
      putFiles: ['a', 'b', 'dir/"q" é'].map((filePath) => ({ filePath, fileContent: Buffer.from(filePath) })),
    }),
  );
  const answer = await client.send(
    new CodeCommit.CreateCommitCommand({
      repositoryName,
      branchName: 'main',
      parentCommitId,
      authorName: 'Dana',
      email: '',
      commitMessage: 'Much',
      putFiles: [
        { filePath: 'new.sh', fileMode: 'EXECUTABLE', fileContent: Buffer.from('#!/bin/sh\n') },
        { filePath: 'moved/a', sourceFile: { filePath: 'a', isMove: true } },
      ],
      deleteFiles: [{ filePath: 'dir/"q" é' }],
      setFileModes: [{ filePath: 'b', fileMode: 'EXECUTABLE' }],
    }),
  );
  assert.deepEqual(
    answer.filesAdded?.map((file) => file.absolutePath),
    ['new.sh', 'moved/a'],
  );
  assert.deepEqual(
    answer.filesUpdated?.map((file) => [file.absolutePath, file.fileMode]),
    [['b', 'EXECUTABLE']],
  );
  assert.deepEqual(
    answer.filesDeleted?.map((file) => file.absolutePath),
    ['dir/"q" é', 'a'],
  );
  const folder = await client.send(new CodeCommit.GetFolderCommand({ repositoryName, folderPath: '/' }));
  assert.deepEqual(
    folder.files?.map((file) => [file.relativePath, file.fileMode]),
    [
      ['b', 'EXECUTABLE'],
      ['new.sh', 'EXECUTABLE'],
    ],
  );
  assert.deepEqual(
    folder.subFolders?.map((each) => each.absolutePath),
    ['moved'],
  );
  const differences = async (more: Partial<CodeCommit.GetDifferencesCommandInput>) =>
    await client.send(
      new CodeCommit.GetDifferencesCommand({
        repositoryName,
        beforeCommitSpecifier: parentCommitId,
        afterCommitSpecifier: 'main',
        ...more,
      }),
    );
  const all = (await differences({})).differences ?? [];
  const described = all.map((each) => [each.changeType, each.afterBlob?.path ?? each.beforeBlob?.path]);
  assert.deepEqual(described, [
    ['D', 'a'],
    ['M', 'b'],
    ['D', 'dir/"q" é'],
    ['A', 'moved/a'],
    ['A', 'new.sh'],
  ]);
  const paged: CodeCommit.Difference[] = [];
  for (let NextToken: string | undefined = ''; NextToken !== undefined;) {
    const page = await differences({ MaxResults: 2, ...(NextToken === '' ? {} : { NextToken }) });
    paged.push(...(page.differences ?? []));
    ({ NextToken } = page);
  }
  assert.deepEqual(paged, all);
  const nothing = client.send(new CodeCommit.CreateCommitCommand({ repositoryName, branchName: 'main' }));
  assert.equal(await failure(nothing), 'FileEntryRequiredException');
});

test('of commits made at the same time on one parent exactly one wins', async () => {
  const repositoryName = await createRepository();
  const { commitId } = await put(repositoryName, 'a', 'one');
  const rivals = Array.from({ length: 5 }, (_, i) =>
    put(repositoryName, 'a', `rival ${i}`, { parentCommitId: commitId }),
  );
  const settled = await Promise.allSettled(rivals);
  const names = settled.map((each) => (each.status === 'fulfilled' ? 'won' : (each.reason as Error).name));
  assert.deepEqual(names.sort(), [...Array(4).fill('ParentCommitIdOutdatedException'), 'won']);
});

test('branches are made from commits, listed, made the default and deleted', async () => {
  const repositoryName = await createRepository();
  const { commitId } = await put(repositoryName, 'a', 'one');
  const create = (branchName: string, id = commitId) =>
    client.send(new CodeCommit.CreateBranchCommand({ repositoryName, branchName, commitId: id }));
  await create('dev');
  assert.equal(await failure(create('dev')), 'BranchNameExistsException');
  assert.equal(await failure(create('dev/x')), 'BranchNameExistsException');
  assert.equal(await failure(create('a..b')), 'InvalidBranchNameException');
  assert.equal(await failure(create('x', 'f'.repeat(40))), 'CommitDoesNotExistException');
  const listed = await client.send(new CodeCommit.ListBranchesCommand({ repositoryName }));
  assert.deepEqual(listed.branches, ['dev', 'main']);
  const remove = (branchName: string) =>
    client.send(new CodeCommit.DeleteBranchCommand({ repositoryName, branchName }));
  assert.equal(await failure(remove('main')), 'DefaultBranchCannotBeDeletedException');
  await client.send(new CodeCommit.UpdateDefaultBranchCommand({ repositoryName, defaultBranchName: 'dev' }));
  assert.deepEqual((await remove('main')).deletedBranch, { branchName: 'main', commitId });
  assert.equal((await remove('main')).deletedBranch, undefined);
  const none = client.send(new CodeCommit.GetBranchCommand({ repositoryName, branchName: 'main' }));
  assert.equal(await failure(none), 'BranchDoesNotExistException');
});

test('what is not there, malformed or not implemented is told by its own name', async () => {
  const repositoryName = await createRepository();
  const filePath = 'a';
  const file = client.send(new CodeCommit.GetFileCommand({ repositoryName, filePath }));
  assert.equal(await failure(file), 'CommitDoesNotExistException');
  const { commitId } = await put(repositoryName, 'a', 'one');
  const batch = await client.send(
    new CodeCommit.BatchGetCommitsCommand({ repositoryName, commitIds: [commitId ?? '', 'abc'] }),
  );
  assert.deepEqual(
    batch.commits?.map((each) => each.commitId),
    [commitId],
  );
  assert.deepEqual(
    batch.errors?.map((each) => each.errorCode),
    ['InvalidCommitIdException'],
  );
  const odd = client.send(
    new CodeCommit.GetFileCommand({ repositoryName, filePath, commitSpecifier: 'main~1' }),
  );
  assert.equal(await failure(odd), 'InvalidCommitException');
  const missing = client.send(new CodeCommit.GetFileCommand({ repositoryName, filePath: 'b' }));
  assert.equal(await failure(missing), 'FileDoesNotExistException');
  const gap = client.send(new CodeCommit.ListPullRequestsCommand({ repositoryName }));
  assert.equal(await failure(gap), 'UnsupportedOperationException');
});

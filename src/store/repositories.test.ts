import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, test } from 'node:test';
import { fromBuffer, type Entry, type ZipFile } from 'yauzl';
import { createUuid } from '#base/chance.ts';
import { openRepositories } from './repositories.ts';

const directory = mkdtempSync(join(tmpdir(), 'slipway-repositories-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const repositories = openRepositories(join(directory, 'git'));

const AUTHOR = {
  GIT_AUTHOR_NAME: 'Dana',
  GIT_AUTHOR_EMAIL: 'dana@example.com',
  GIT_COMMITTER_NAME: 'Dana',
  GIT_COMMITTER_EMAIL: 'dana@example.com',
  GIT_COMMITTER_DATE: '1700000000 +0000',
  GIT_AUTHOR_DATE: '1700000000 +0000',
};

function git(...args: string[]): string {
  return execFileSync('git', args, { env: { ...process.env, ...AUTHOR }, encoding: 'utf8' }).trim();
}

interface Found {
  readonly mode: string;
  readonly content: string;
  readonly time: number;
}

/** Everything in a ZIP by path, as an unpacker sees it. */
async function unzip(bytes: Buffer): Promise<Record<string, Found>> {
  const zip = await new Promise<ZipFile>((resolve, reject) =>
    fromBuffer(bytes, { lazyEntries: true }, (error, file) => (error ? reject(error) : resolve(file))),
  );
  const found: Record<string, Found> = {};
  return await new Promise((resolve, reject) => {
    zip.on('error', reject);
    zip.on('end', () => resolve(found));
    zip.on('entry', (entry: Entry) => {
      zip.openReadStream(entry, (error, stream) => {
        if (error) return reject(error);
        void buffer(stream).then((content) => {
          const mode = (entry.externalFileAttributes >>> 16).toString(8);
          const time = entry.getLastModDate().getTime();
          found[entry.fileName] = { mode, content: content.toString(), time };
          zip.readEntry();
        }, reject);
      });
    });
    zip.readEntry();
  });
}

async function createFilled(): Promise<{ repositoryId: string; commitId: string }> {
  const repositoryId = createUuid();
  await repositories.create(repositoryId, 'main');
  const work = mkdtempSync(join(directory, 'work-'));
  git('-c', 'init.defaultBranch=main', 'init', '--quiet', work);
  mkdirSync(join(work, 'scripts'));
  writeFileSync(join(work, 'README.md'), 'Read me.\n');
  writeFileSync(join(work, '.gitattributes'), 'secret.txt export-ignore\n');
  writeFileSync(join(work, 'secret.txt'), 'still here');
  writeFileSync(join(work, 'Grüße und\ttabs.txt'), '');
  writeFileSync(join(work, 'scripts', 'run.sh'), '#!/bin/sh\n');
  chmodSync(join(work, 'scripts', 'run.sh'), 0o755);
  symlinkSync('scripts/run.sh', join(work, 'run'));
  git('-C', work, 'add', '--all');
  git('-C', work, 'update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},vendor/lib`);
  git('-C', work, 'commit', '--quiet', '-m', 'First');
  git('-C', work, 'push', '--quiet', repositories.path(repositoryId), 'main');
  return { repositoryId, commitId: git('-C', work, 'rev-parse', 'HEAD') };
}

test('a commit becomes a ZIP with modes, links and the commit time, the same bytes each time', async () => {
  const { repositoryId, commitId } = await createFilled();
  const bytes = await buffer(await repositories.archiveZip(repositoryId, commitId));
  const time = 1_700_000_000_000;
  assert.deepEqual(await unzip(bytes), {
    '.gitattributes': { mode: '100644', content: 'secret.txt export-ignore\n', time },
    'Grüße und\ttabs.txt': { mode: '100644', content: '', time },
    'README.md': { mode: '100644', content: 'Read me.\n', time },
    run: { mode: '120777', content: 'scripts/run.sh', time },
    'scripts/run.sh': { mode: '100755', content: '#!/bin/sh\n', time },
    'secret.txt': { mode: '100644', content: 'still here', time },
    'vendor/lib/': { mode: '40755', content: '', time },
  });
  assert.deepEqual(await buffer(await repositories.archiveZip(repositoryId, commitId)), bytes);
});

test('an archive that nobody wants any more ends at any moment without a word', async () => {
  const { repositoryId, commitId } = await createFilled();
  for (let waits = 0; waits < 12; waits++) {
    const archive = await repositories.archiveZip(repositoryId, commitId);
    for (let turn = 0; turn < waits; turn++) await new Promise((resolve) => setImmediate(resolve));
    archive.destroy();
    await once(archive, 'close');
  }
  // git is killed at close; what its end makes the reading side say arrives before another git has answered.
  await buffer(await repositories.archiveZip(repositoryId, commitId));
});

test('a commit that is not there has no archive', async () => {
  const { repositoryId } = await createFilled();
  for (const id of ['f'.repeat(40), '--help', 'main', `${'f'.repeat(40)}\nmain`]) {
    await assert.rejects(repositories.archiveZip(repositoryId, id), { name: 'CommitNotFound' });
  }
});

test('references are read loose and packed, and never through a path', async () => {
  const { repositoryId, commitId } = await createFilled();
  const path = repositories.path(repositoryId);
  const main = { name: 'refs/heads/main', objectId: commitId };
  assert.equal(await repositories.readReference(repositoryId, 'refs/heads/main'), commitId);
  assert.deepEqual(await repositories.listReferences(repositoryId, 'refs/heads/'), [main]);
  git('--git-dir', path, 'pack-refs', '--all');
  assert.equal(await repositories.readReference(repositoryId, 'refs/heads/main'), commitId);
  assert.equal(await repositories.readReference(repositoryId, 'refs/heads/none'), undefined);
  assert.equal(await repositories.readReference(repositoryId, 'refs/heads/main/x'), undefined);
  await assert.rejects(repositories.readReference(repositoryId, 'refs/../config'), /malformed/);
});

test('a deleted repository is gone at once, and deleting again is harmless', async () => {
  const { repositoryId } = await createFilled();
  await repositories.delete(repositoryId);
  assert.equal(existsSync(repositories.path(repositoryId)), false);
  assert.equal(await repositories.exists(repositoryId), false);
  await repositories.delete(repositoryId);
});

test('leftovers of a killed run go: locks, quarantines and git processes of this repository', async () => {
  const { repositoryId, commitId } = await createFilled();
  const path = repositories.path(repositoryId);
  writeFileSync(join(path, 'refs', 'heads', 'main.lock'), '');
  mkdirSync(join(path, 'objects', 'tmp_objdir-incoming-x'));
  const left = repositories.git.start(['--git-dir', path, 'cat-file', '--batch']);
  await repositories.clearLeftovers(repositoryId);
  assert.equal(await left.ended, -1);
  assert.equal(existsSync(join(path, 'refs', 'heads', 'main.lock')), false);
  assert.equal(existsSync(join(path, 'objects', 'tmp_objdir-incoming-x')), false);
  assert.equal(await repositories.readReference(repositoryId, 'refs/heads/main'), commitId);
});

test('git output is bounded, and an abort ends git', async () => {
  const { repositoryId } = await createFilled();
  const path = repositories.path(repositoryId);
  const cat = ['--git-dir', path, 'cat-file', '--batch-all-objects', '--batch'];
  await assert.rejects(repositories.git.run(cat, { outputBytesMax: 10 }), /more than 10 bytes/);
  const abort = new AbortController();
  const waiting = repositories.git.start(['--git-dir', path, 'cat-file', '--batch'], {
    signal: abort.signal,
  });
  abort.abort();
  assert.equal(await waiting.ended, -1);
  await assert.rejects(repositories.git.output(['--git-dir', path, 'rev-parse', 'nothing']), {
    name: 'GitFailed',
    code: 128,
  });
});

test('where git is missing, callers hear of it and nothing else happens', async () => {
  const none = openRepositories(join(directory, 'none'));
  const missing = none.git.start(['version'], { environment: { PATH: '/nowhere' } });
  for await (const chunk of missing.stdout) assert.fail(`${chunk}`);
  await assert.rejects(missing.ended, /could not be started; is it installed/);
});

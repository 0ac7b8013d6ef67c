/**
 * Pushes under `kill -9`: the server is killed while a push is on its way, a little later in each round. Afterwards the
 * repository is whole, the same push succeeds, and for every time git moved a branch there is exactly one record.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { CodeCommit } from '@aws-sdk/client-codecommit';
import { IAM } from '@aws-sdk/client-iam';
import { readRootKey } from '#store/root-key.ts';
import { createGitUser, type GitUser } from '#test/support/git.ts';
import { createServerProcess, type ServerProcess } from '#test/support/server.ts';

const ROUNDS = 14;
/** From before the first request arrives until after the answer left. */
const FIRST_KILL_MS = 12;
const STEP_MS = 5;

let directory: string;
let server: ServerProcess;
let git: GitUser;
let repositoryId: string;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-push-'));
  server = await createServerProcess(join(directory, 'data'));
  await server.start();
  const settings = { endpoint: server.url, region: 'us-east-1', credentials: readRootKey(server.data) };
  const iam = new IAM(settings);
  await iam.createUser({ UserName: 'dana' });
  const Statement = [{ Effect: 'Allow', Action: 'codecommit:*', Resource: '*' }];
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await iam.putUserPolicy({ UserName: 'dana', PolicyName: 'git', PolicyDocument });
  const ServiceName = 'codecommit.amazonaws.com';
  const made = await iam.createServiceSpecificCredential({ UserName: 'dana', ServiceName });
  const { ServiceUserName = '', ServicePassword = '' } = made.ServiceSpecificCredential ?? {};
  const codecommit = new CodeCommit(settings);
  const { repositoryMetadata } = await codecommit.createRepository({ repositoryName: 'shop' });
  repositoryId = repositoryMetadata?.repositoryId ?? '';
  const user = `${encodeURIComponent(ServiceUserName)}:${encodeURIComponent(ServicePassword)}`;
  const environment = { PATH: process.env['PATH'], GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' };
  const url = `${server.url.replace('http://', `http://${user}@`)}/v1/repos/shop`;
  git = await createGitUser({ directory, environment }, url);
  await git.commit('file', 'first\n');
  await git.ok('push', '--quiet', 'origin', 'main');
});
after(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Everything that the records say moved. */
function recordedMoves(): number {
  const database = new DatabaseSync(join(server.data, 'slipway.db'), { readOnly: true });
  const kind = 'codecommit.repository';
  const journal = database.prepare('select event from engine_journal where kind = ? and machine = ?');
  const events = journal
    .all(kind, repositoryId)
    .map((row) => JSON.parse(String(row['event'])) as RecordedEvent);
  const state = database
    .prepare('select state from engine_machines where kind = ? and id = ?')
    .get(kind, repositoryId);
  const undone = database.prepare('select count(*) as count from engine_effects where kind = ?').get(kind);
  database.close();
  assert.equal(
    (JSON.parse(String(state?.['state'])) as { open?: object }).open,
    undefined,
    'nothing is left open',
  );
  assert.equal(undone?.['count'], 0, 'everything was told');
  return events.filter(
    (event) => event.type === 'ChangeRecorded' && event.applied?.includes('refs/heads/main'),
  ).length;
}

interface RecordedEvent {
  readonly type: string;
  readonly applied?: readonly string[];
}

test('a push that dies with the server is either not there or recorded once', async () => {
  let survived = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const commitId = await git.commit('file', `round ${round}\n`);
    const pushing = git.run('push', '--quiet', 'origin', 'main');
    await new Promise((resolve) => setTimeout(resolve, FIRST_KILL_MS + round * STEP_MS));
    await server.kill();
    const { code } = await pushing;
    if (code === 0) survived++;
    await server.start();
    const there = (await git.ok('ls-remote', 'origin', 'refs/heads/main')).slice(0, 40);
    if (code === 0) assert.equal(there, commitId, 'an acknowledged push is never lost');
    await git.ok('push', '--quiet', 'origin', 'main');
  }
  const repository = join(
    server.data,
    'repositories',
    'bare',
    repositoryId.slice(0, 2),
    `${repositoryId}.git`,
  );
  await server.stop();
  const moves = readFileSync(join(repository, 'logs', 'refs', 'heads', 'main'), 'utf8')
    .trim()
    .split('\n');
  assert.equal(moves.length, ROUNDS + 1);
  assert.equal(recordedMoves(), ROUNDS + 1, `${survived} pushes were answered before the kill`);
  const quarantines = readdirSync(join(repository, 'objects')).filter((name) =>
    name.startsWith('tmp_objdir'),
  );
  const fsck = await git.run('--git-dir', repository, 'fsck', '--full');
  assert.equal(fsck.code, 0, fsck.stderr);
  assert.deepEqual(quarantines, []);
});

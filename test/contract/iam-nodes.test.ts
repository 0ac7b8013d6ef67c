/** IAM when many ask at once, on both databases; and when two nodes share PostgreSQL and one of them changes something. */

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isFault } from '#base/fault.ts';
import { silentLog } from '#base/log.ts';
import { createSlipway, type Slipway } from '#slipway';
import { postgresSkip, startPostgres, type Cluster } from '#test/support/postgres.ts';
import { until } from '#test/support/until.ts';

const GRACE_MS = 1000;
/** Longer than any change may stay unheard. */
const HEARD_MS_MAX = 10_000;
const ALLOW_ALL = JSON.stringify({
  Version: '2012-10-17',
  Statement: { Effect: 'Allow', Action: '*', Resource: '*' },
});

function open(directory: string, databaseUrl?: string): Promise<Slipway> {
  return createSlipway({
    directory,
    host: '127.0.0.1',
    port: 0,
    databaseUrl,
    account: '123456789012',
    region: 'us-east-1',
    runtime: 'process',
    environment: {},
    log: silentLog,
  });
}

/** How often each outcome came: `done`, or a fault's code. */
async function outcomes(count: number, work: () => Promise<unknown>): Promise<Record<string, number>> {
  const settled = await Promise.allSettled(Array.from({ length: count }, work));
  const counts: Record<string, number> = {};
  for (const one of settled) {
    const name =
      one.status === 'fulfilled' ? 'done' : isFault(one.reason) ? one.reason.code : String(one.reason);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function raceSuite(start: () => Promise<Slipway>): void {
  let slipway: Slipway;
  before(async () => void (slipway = await start()));
  after(() => slipway.close(GRACE_MS));

  test('one name is given once, however many ask for it at the same time', async () => {
    const create = () => slipway.root.send('iam:CreateUser', { UserName: 'ann' });
    assert.deepEqual(await outcomes(8, create), { done: 1, EntityAlreadyExistsException: 7 });
  });

  test('a quota holds against many at the same time', async () => {
    await slipway.root.send('iam:CreateUser', { UserName: 'bob' });
    const create = () => slipway.root.send('iam:CreateAccessKey', { UserName: 'bob' });
    assert.deepEqual(await outcomes(8, create), { done: 2, LimitExceededException: 6 });
  });
}

const base = mkdtempSync(join(tmpdir(), 'slipway-iam-'));
after(() => rmSync(base, { recursive: true, force: true }));

describe('on SQLite', () => raceSuite(() => open(join(base, 'sqlite'))));

describe('on PostgreSQL', { skip: postgresSkip }, () => {
  let cluster: Cluster;
  before(async () => void (cluster = await startPostgres()));
  after(() => cluster.stop());

  describe('one node', () => raceSuite(async () => open(join(base, 'one'), await cluster.createDatabase())));

  test('what one node takes away is gone on the other within moments', async () => {
    const url = await cluster.createDatabase();
    const [here, there] = [join(base, 'here'), join(base, 'there')];
    const first = await open(here, url);
    mkdirSync(there, { mode: 0o700 });
    for (const name of ['master.key', 'keyring.json']) copyFileSync(join(here, name), join(there, name));
    const second = await open(there, url);
    try {
      await first.root.send('iam:CreateUser', { UserName: 'cid' });
      await first.root.send('iam:PutUserPolicy', {
        UserName: 'cid',
        PolicyName: 'p',
        PolicyDocument: ALLOW_ALL,
      });
      const { AccessKey: key } = await first.root.send('iam:CreateAccessKey', { UserName: 'cid' });
      const id = key?.AccessKeyId ?? '';
      const { trust } = second.house;
      const { principal } = await trust.identify(id, undefined);
      const look = () => trust.authorize(principal, [{ action: 'iam:GetUser', resource: '*' }]);
      await look();
      await first.root.send('iam:DeleteUserPolicy', { UserName: 'cid', PolicyName: 'p' });
      await until('the policy to be gone', HEARD_MS_MAX, () => refuses(look, 'AccessDeniedException'));
      await first.root.send('iam:DeleteAccessKey', { UserName: 'cid', AccessKeyId: id });
      const identify = () => trust.identify(id, undefined);
      await until('the key to be gone', HEARD_MS_MAX, () => refuses(identify, 'UnrecognizedClientException'));
    } finally {
      await Promise.all([first.close(GRACE_MS), second.close(GRACE_MS)]);
    }
  });
});

/** `undefined` while it is not refused. */
async function refuses(work: () => Promise<unknown>, code: string): Promise<true | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (isFault(error, code)) return true;
    throw error;
  }
}

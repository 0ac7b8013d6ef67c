/**
 * Nobody gets in: every operation that Slipway has refuses a user without policies, a service of the house without
 * a permission, and a stranger; and nothing at all, not even who one is, is answered to a user who is gone.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isFault } from '#base/fault.ts';
import type { Principal } from '#core/policy/principal.ts';
import type { OperationId } from '#services/clients.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { leastInput } from '#test/support/least-input.ts';

/**
 * Allowed to everybody who has credentials, as on AWS; a subscription is confirmed and ended by whoever holds its token
 * or its link.
 */
const OPEN: ReadonlySet<string> = new Set([
  ...['sts:GetCallerIdentity', 'sts:GetSessionToken', 'sts:AssumeRoleWithWebIdentity'],
  ...['sns:ConfirmSubscription', 'sns:Unsubscribe'],
]);
/** Answers per key; see the test of its own. */
const PER_KEY = 's3:DeleteObjects';
/** Hosts are known by their registration, not by policies. */
const HOST_COMMANDS = 'codedeploy-commands';

const BUCKET = 'closed-bucket';
const KEY = 'secret.txt';

let house: TestHouse;
let nobody: Principal;
before(async () => {
  house = await createTestHouse();
  nobody = await createUser('nobody');
  const { root } = house.slipway;
  await root.send('s3:CreateBucket', { Bucket: BUCKET });
  await root.send('s3:PutObject', { Bucket: BUCKET, Key: KEY, Body: Buffer.from('secret') });
});
after(() => house.close());

async function createUser(name: string): Promise<Principal> {
  const { User: user } = await house.slipway.root.send('iam:CreateUser', { UserName: name });
  assert.ok(user?.UserId && user.Arn);
  return { type: 'user', account: house.account, userName: name, userId: user.UserId, arn: user.Arn };
}

/** Every handler, from the maps of the rooms themselves. */
function handlers(): readonly string[] {
  return house.slipway.rooms.flatMap((room) =>
    Object.entries(room.operations)
      .filter(([, operation]) => typeof operation === 'function')
      .map(([name]) => `${room.name}:${name}`),
  );
}

async function answerTo(principal: Principal, id: string): Promise<string> {
  try {
    await house.slipway.house.trust.as(principal).send(id as OperationId, leastInput(id) as never);
    return 'an answer';
  } catch (error) {
    if (!isFault(error)) throw error;
    return error.code === 'AccessDeniedException' ? 'denied' : `${error.code}: ${error.message}`;
  }
}

async function notDenied(principal: Principal, open: ReadonlySet<string>): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const id of handlers()) {
    if (id === PER_KEY || open.has(id) || id.startsWith(`${HOST_COMMANDS}:`)) continue;
    const answer = await answerTo(principal, id);
    if (answer !== 'denied') wrong.push(`${id} → ${answer}`);
  }
  return wrong;
}

test('every operation refuses a user without policies', async () => {
  assert.ok(handlers().length > 100);
  assert.deepEqual(await notDenied(nobody, OPEN), []);
});

test('every operation refuses a service of the house that has no permission for it', async () => {
  const service: Principal = { type: 'service', account: house.account, service: 'other.amazonaws.com' };
  assert.deepEqual(await notDenied(service, OPEN), []);
});

test('every operation refuses a stranger', async () => {
  assert.deepEqual(await notDenied({ type: 'anonymous' }, OPEN), []);
});

test('deleting many objects tells of each that it was refused, and deletes none', async () => {
  const Delete = { Objects: [{ Key: KEY }] };
  const { Deleted, Errors } = await house.slipway.house.trust
    .as(nobody)
    .send(PER_KEY, { Bucket: BUCKET, Delete });
  assert.deepEqual([Deleted, Errors?.map((error) => error.Code)], [[], ['AccessDenied']]);
  await house.slipway.root.send('s3:HeadObject', { Bucket: BUCKET, Key: KEY });
});

test('host commands refuse whoever is not a registered host', async () => {
  const commands = handlers().filter((id) => id.startsWith(`${HOST_COMMANDS}:`));
  assert.equal(commands.length, 5);
  for (const id of commands) assert.match(await answerTo(nobody, id), /^ClientException: /, id);
});

test('a user who is gone gets no answer from any operation', async () => {
  const gone = await createUser('gone');
  await house.slipway.root.send('iam:DeleteUser', { UserName: 'gone' });
  for (const id of handlers()) assert.match(await answerTo(gone, id), /^UnrecognizedClientException: /, id);
});

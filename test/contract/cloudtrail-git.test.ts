/** Git in CloudTrail's history: one pull, two records for a push, and the one who was not let in. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { mkdirSync, writeFileSync } from 'node:fs';
import { IAM } from '@aws-sdk/client-iam';
import { createRepository, connect } from '#scripts/demo/world.ts';
import { gitIn } from '#test/support/git-clone.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

let house: TestHouse;
before(async () => {
  house = await createTestHouse();
});
after(() => house.close());

interface Recorded {
  readonly eventName: string;
  readonly readOnly: boolean;
  readonly errorCode?: string;
  readonly userAgent: string;
  readonly requestParameters: object | null;
  readonly additionalEventData: Readonly<Record<string, unknown>>;
  readonly resources: object;
}

/** Oldest first. */
async function records(eventName: string): Promise<readonly Recorded[]> {
  const { Events: events = [] } = await house.slipway.root.send('cloudtrail:LookupEvents', {
    LookupAttributes: [{ AttributeKey: 'EventName', AttributeValue: eventName }],
  });
  const found = events.map(({ CloudTrailEvent: text }) => JSON.parse(text ?? '{}') as Recorded);
  return found.reverse();
}

test('scenario 58: a clone is one GitPull, a push is two GitPush with what it moved', async () => {
  const { endpoint, region, credentials, directory } = house;
  const repository = await createRepository(connect({ endpoint, region, ...credentials }));
  const clone = join(directory, 'clone');
  mkdirSync(clone);
  const git = gitIn(clone, directory, repository);
  await git('init', '--quiet', '--initial-branch=main');
  await git('remote', 'add', 'origin', repository.url);
  writeFileSync(join(clone, 'a'), 'a');
  await git('add', '.');
  await git('-c', 'user.name=A', '-c', 'user.email=a@example.com', 'commit', '--quiet', '-m', 'one');
  await git('push', '--quiet', 'origin', 'main');
  const commit = (await git('rev-parse', 'HEAD')).trim();
  const [advertised, pushed, ...more] = await records('GitPush');
  assert.deepEqual(more, []);
  assert.equal(advertised?.readOnly, true);
  assert.equal(advertised.additionalEventData['dataTransferred'], false);
  assert.equal(pushed?.readOnly, false);
  assert.deepEqual(pushed.requestParameters, { references: [{ commit, ref: 'refs/heads/main' }] });
  const { capabilities, repositoryId, ...rest } = pushed.additionalEventData;
  const repositoryName = repository.url.split('/').at(-1);
  assert.deepEqual(rest, { protocol: 'HTTP', dataTransferred: true, repositoryName });
  assert.match(String(repositoryId), /^[0-9a-f-]{36}$/);
  assert.ok((capabilities as string[]).length > 0);
  assert.match(pushed.userAgent, /^git\//);
  assert.deepEqual(pushed.resources, [
    {
      accountId: '123456789012',
      type: 'AWS::CodeCommit::Repository',
      ARN: `arn:aws:codecommit:us-east-1:123456789012:${repositoryName}`,
    },
  ]);

  await git('clone', '--quiet', repository.url, join(directory, 'second'));
  const pulls = await records('GitPull');
  assert.deepEqual(
    pulls.map(({ readOnly, additionalEventData }) => [readOnly, additionalEventData['dataTransferred']]),
    [[true, true]],
  );

  const iam = new IAM({ endpoint, region, credentials, maxAttempts: 1 });
  await iam.createUser({ UserName: 'stranger' });
  const { ServiceSpecificCredential: credential } = await iam.createServiceSpecificCredential({
    UserName: 'stranger',
    ServiceName: 'codecommit.amazonaws.com',
  });
  iam.destroy();
  const login = `${credential?.ServiceUserName}:${credential?.ServicePassword}`;
  const answer = await fetch(`${repository.url}/info/refs?service=git-upload-pack`, {
    headers: { authorization: `Basic ${Buffer.from(login).toString('base64')}` },
  });
  assert.equal(answer.status, 403);
  const denied = (await records('GitPull')).at(-1);
  assert.equal(denied?.errorCode, 'AccessDenied');
});

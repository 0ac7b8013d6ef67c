/** The rules of triggers and of their filters. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { approvalAction, buildAction, pipeline, sourceAction } from '#core/pipeline/decide-fixture.ts';
import type { GivenAction, GivenDeclaration } from './declaration-given.ts';
import type { GitTrigger } from './declaration.ts';
import { faultOf } from './validate-fixture.ts';

const connection: GivenAction = {
  ...sourceAction('Connected'),
  actionTypeId: { category: 'Source', owner: 'AWS', provider: 'CodeStarSourceConnection', version: '1' },
  configuration: { ConnectionArn: 'arn', FullRepositoryId: 'o/r', BranchName: 'main' },
};
const bucket: GivenAction = {
  ...sourceAction('Bucket'),
  actionTypeId: { category: 'Source', owner: 'AWS', provider: 'S3', version: '1' },
  configuration: { S3Bucket: 'b', S3ObjectKey: 'k' },
};

function triggered(...triggers: Partial<GitTrigger>[]): GivenDeclaration {
  return {
    ...pipeline(
      { name: 'S1', actions: [connection, sourceAction(), bucket] },
      { name: 'S2', actions: [{ ...buildAction('Build'), namespace: 'B' }, approvalAction('Ask')] },
    ),
    triggers: triggers.map((trigger) => ({
      providerType: 'CodeStarSourceConnection',
      gitConfiguration: { sourceActionName: 'Connected', ...trigger },
    })),
  };
}

const G = 'triggers/0/gitConfiguration';
const CODE = 'InvalidStructureException';
const all = { includes: ['**'] };
const notASource = (name: string) =>
  `${G}/sourceActionName: ${CODE}: Trigger source action ${name} must be a source action of the pipeline with the ` +
  'provider CodeStarSourceConnection';

const table: readonly (readonly [string, GivenDeclaration, string | undefined])[] = [
  ['S17: a trigger without filters', triggered({}), undefined],
  [
    'S17: a trigger of a CodeCommit source, which only we have',
    triggered({ sourceActionName: 'Source' }),
    undefined,
  ],
  ['S17: a trigger of each source', triggered({}, { sourceActionName: 'Source' }), undefined],
  ['S17: not of an S3 source', triggered({ sourceActionName: 'Bucket' }), notASource('Bucket')],
  ['S17: not of a build', triggered({ sourceActionName: 'Build' }), notASource('Build')],
  ['S17: not of nothing', triggered({ sourceActionName: 'Nobody' }), notASource('Nobody')],
  [
    'S17: one trigger for one source',
    triggered({}, {}),
    `triggers/1/gitConfiguration/sourceActionName: ${CODE}: A source action can have one trigger only. Connected has more than one`,
  ],
  ['S18: tags', triggered({ push: [{ tags: all }] }), undefined],
  ['S18: branches', triggered({ push: [{ branches: all }] }), undefined],
  ['S18: branches and file paths', triggered({ push: [{ branches: all, filePaths: all }] }), undefined],
  ['S18: file paths alone', triggered({ push: [{ filePaths: all }] }), undefined],
  [
    'S18: not tags and branches',
    triggered({ push: [{ branches: all }, { tags: all, branches: all }] }),
    `${G}/push/1: ${CODE}: A push filter of the trigger for Connected can have either tags, or branches and file paths, not both`,
  ],
  [
    'S18: not tags and file paths',
    triggered({ push: [{ tags: all, filePaths: all }] }),
    `${G}/push/0: ${CODE}: A push filter of the trigger for Connected can have either tags, or branches and file paths, not both`,
  ],
  [
    'S18: not an empty filter',
    triggered({ push: [{}] }),
    `${G}/push/0: ${CODE}: A push filter of the trigger for Connected must have tags, branches or file paths`,
  ],
  [
    'pull request events are named once',
    triggered({ pullRequest: [{ events: ['OPEN', 'CLOSED', 'OPEN'] }] }),
    `${G}/pullRequest/0/events/2: ${CODE}: A pull request filter of the trigger for Connected names the event OPEN more than once`,
  ],
];

for (const [name, given, expected] of table) test(name, () => assert.equal(faultOf(given), expected));

test('all triggers together have a size', () => {
  const includes = Array.from({ length: 8 }, () => 'x'.repeat(30_000));
  assert.match(
    faultOf(triggered({ push: [{ branches: { includes } }] })) ?? '',
    /^triggers: InvalidStructureException: The triggers are \d+ characters long\. The maximum is 204800$/,
  );
});

/**
 * No answered call without its record: a house is killed before its first, second, third … write while it answers
 * changes, and the next life must find every answered change in the history.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openHouse } from './house-story.ts';

const LIVES_MAX = 200;
const directory = mkdtempSync(join(tmpdir(), 'slipway-records-'));
after(() => rmSync(directory, { recursive: true, force: true }));

test('whatever was answered before a kill stands in the history after it', async (context) => {
  const data = join(directory, 'data');
  await (await openHouse(data)).close(0);
  const answered: string[] = [];
  let kills = 0;
  for (let n = 1; ; n++) {
    assert.ok(n < LIVES_MAX);
    const program = join(import.meta.dirname, 'records-child.ts');
    const child = spawnSync(process.execPath, [program, data, `${n}`, `${n}`], { encoding: 'utf8' });
    answered.push(...child.stdout.split('\n').filter((line) => line !== ''));
    if (child.signal !== 'SIGKILL') {
      assert.equal(child.status, 0, child.stderr);
      break;
    }
    kills++;
  }
  const slipway = await openHouse(data);
  try {
    const recorded = new Set<string>();
    for (let token: string | undefined, page = 0; page === 0 || token !== undefined; page++) {
      const answer = await slipway.root.send('cloudtrail:LookupEvents', {
        LookupAttributes: [{ AttributeKey: 'EventName', AttributeValue: 'CreateRepository' }],
        NextToken: token,
      });
      token = answer.NextToken;
      for (const { CloudTrailEvent: text = '' } of answer.Events ?? []) {
        const record = JSON.parse(text) as { requestParameters: { repositoryName: string } };
        recorded.add(record.requestParameters.repositoryName);
      }
    }
    assert.deepEqual(
      answered.filter((name) => !recorded.has(name)),
      [],
    );
    assert.ok(kills >= 5 && answered.length >= 3, `${kills} kills, ${answered.length} answers`);
    context.diagnostic(`${kills} kills, ${answered.length} answers, ${recorded.size} records`);
  } finally {
    await slipway.close(0);
  }
});

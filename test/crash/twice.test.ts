/**
 * The whole main job with every effect of every machine delivered twice, as after crashes that lose the results: the
 * world still sees one build, one approval, one deployment, and each hook once on each host.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Machine, NamedMachine, Order, Performance } from '#engine/machine.ts';
import { createTestHouse } from '#test/support/house.ts';
import { assertOnce, leaveTraces } from '#test/support/once.ts';
import { createStory } from '#test/support/story.ts';

type Perform = (effect: Order, performance: Performance) => Promise<unknown>;

const delivered = new Map<string, number>();

/** The first result is thrown away, as if the power had failed before it was stored. */
function deliverTwice(machine: NamedMachine): void {
  const effects = (machine as Machine).effects as unknown as Record<string, Perform>;
  for (const [type, perform] of Object.entries(effects)) {
    effects[type] = async (effect, performance) => {
      await perform(effect, performance);
      delivered.set(type, (delivered.get(type) ?? 0) + 1);
      return perform(effect, { ...performance, attempt: performance.attempt + 1 });
    };
  }
}

test('every effect is delivered twice, and the world sees each once', async (context) => {
  const house = await createTestHouse({ disturb: deliverTwice });
  const connection = () => ({ endpoint: house.endpoint, region: house.region, ...house.credentials });
  const story = await createStory(connection, house.directory, ['host-1', 'host-2']);
  try {
    const before = await story.nextExecution(undefined);
    leaveTraces(story);
    await story.commitAndPush('Everything twice');
    const execution = await story.nextExecution(before);
    assert.equal(await story.approveAndFollow(execution), 'Succeeded');
    await assertOnce(story, execution);
    for (const type of ['PublishChanges', 'StartAction', 'RunBuild']) assert.ok(delivered.get(type), type);
    context.diagnostic([...delivered].map(([type, count]) => `${type} ${count}`).join(', '));
  } finally {
    await story.close();
    await house.close();
  }
});

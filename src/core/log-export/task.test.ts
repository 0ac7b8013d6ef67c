/** Export tasks: the ways they end, and that an ended one is silent. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { exportDecider, isEnded, type ExportEvent, type ExportTask } from './task.ts';

const order = {
  group: 'g',
  groupArn: 'arn:aws:logs:us-east-1:123456789012:log-group:g',
  streamPrefix: '',
  from: 1,
  to: 2,
  bucket: 'b',
  prefix: 'exportedlogs',
};
const cursor = { stream: 's', streamId: 1, at: 0, sequence: 0, file: 0 };
const stamp = { at: 7, chance: '0'.repeat(32) };

function run(events: readonly ExportEvent[]) {
  let state: ExportTask | undefined;
  let effects = 0;
  for (const event of events) {
    const decision = exportDecider.decide(state, { ...event, ...stamp });
    state = decision.state;
    effects += decision.effects.length;
  }
  return { state, effects };
}

const requested: ExportEvent = { type: 'ExportRequested', order };
const file: ExportEvent = { type: 'FileExported', next: cursor };
const last: ExportEvent = { type: 'FileExported', next: undefined };

test('files follow each other until the last', () => {
  assert.equal(run([requested]).state?.status, 'PENDING');
  assert.equal(run([requested, file]).state?.status, 'RUNNING');
  const { state, effects } = run([requested, file, file, last]);
  assert.deepEqual(state, {
    order,
    status: 'COMPLETED',
    message: 'Completed successfully',
    createdAt: 7,
    endedAt: 7,
  });
  assert.equal(effects, 3);
});

test('a cancelled task ends after the file that is being written', () => {
  const events: ExportEvent[] = [requested, file, { type: 'ExportCancelled' }];
  assert.equal(run(events).state?.status, 'PENDING_CANCEL');
  const ended = run([...events, file]);
  assert.equal(ended.state?.status, 'CANCELLED');
  assert.equal(ended.effects, 2);
  const { reply } = exportDecider.decide(ended.state, { type: 'ExportCancelled', ...stamp });
  assert.ok(reply && 'fault' in reply && reply.fault.code === 'InvalidOperationException');
});

test('a task that has ended orders nothing and stays as it is', () => {
  const event = fc.constantFrom<ExportEvent>(
    file,
    last,
    { type: 'ExportRefused', message: 'no' },
    { type: 'ExportCancelled' },
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 8 }), (events) => {
      let state: ExportTask | undefined;
      let running = 0;
      for (const each of [requested, ...events]) {
        const before: ExportTask | undefined = state;
        const decision = exportDecider.decide(state, { ...each, ...stamp });
        state = decision.state;
        if (each.type === 'FileExported' && before && !isEnded(before.status)) running--;
        running += decision.effects.length;
        assert.ok(running <= 1);
        if (before && isEnded(before.status)) {
          assert.deepEqual(state, before);
          assert.equal(decision.effects.length, 0);
        }
      }
    }),
  );
});

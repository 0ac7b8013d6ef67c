/** Who is told of an event, and what a failing hearer means for the publisher. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BusEvent, Subscription } from '#services/service.ts';
import { publish } from './bus.ts';

const event: BusEvent = {
  id: 'e1',
  source: 'aws.s3',
  detailType: 'Object Created',
  account: '123456789012',
  region: 'us-east-1',
  at: 0,
  resources: [],
  detail: {},
};

test('every hearer is told, and one that fails fails the publisher after the others were told', async () => {
  const told: string[] = [];
  const hearer = (name: string, source: string, detailType: string, work = async () => {}): Subscription => ({
    source,
    detailType,
    hear: async () => {
      told.push(name);
      await work();
    },
  });
  const failing = async () => {
    throw new Error('the disk is full');
  };
  const hearers = [
    hearer('exact', 'aws.s3', 'Object Created'),
    hearer('failing', 'aws.s3', 'Object Created', failing),
    hearer('all', '*', '*'),
    hearer('other', 'aws.s3', 'Object Deleted'),
  ];
  await assert.rejects(publish(hearers, event), /1 of 3 hearers of Object Created failed/);
  assert.deepEqual(told, ['exact', 'failing', 'all']);
  await publish(hearers.slice(0, 1), event);
});

/**
 * `npm run bench events`: events through 300 rules. How many events a second are taken that match nothing, and that
 * match one rule until its queue has them; how long one event takes to its target. Each event is durable when it is
 * taken; the floor beside it is a bare transaction of the same database.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { createUuid } from '#base/chance.ts';
import { silentLog } from '#base/log.ts';
import type { BusEvent } from '#services/service.ts';
import { createSlipway, type Slipway } from '#slipway';
import { type Figure, figure, report } from './report.ts';

const ACCOUNT = '123456789012';
const REGION = 'us-east-1';
const RULES = 300;
const ROUNDS = 5;
const UNMATCHED = 2_000;
const MATCHED = 300;
const LONELY = 60;
const QUEUE_ARN = `arn:aws:sqs:${REGION}:${ACCOUNT}:bench`;

const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const slipway = await createSlipway({
  directory,
  host: '127.0.0.1',
  port: 0,
  account: ACCOUNT,
  region: REGION,
  runtime: 'sandbox',
  environment: {},
  log: silentLog,
});
try {
  await furnish(slipway);
  report('events', await measure(slipway));
} finally {
  await slipway.close(2_000);
  rmSync(directory, { recursive: true, force: true });
}

/** Half of the rules name their source, the other half must be asked about every event; one has a target of its own. */
async function furnish({ root }: Slipway): Promise<void> {
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: {
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: QUEUE_ARN,
    },
  });
  await root.send('sqs:CreateQueue', { QueueName: 'bench', Attributes: { Policy } });
  for (let n = 0; n < RULES; n++) {
    const source = n % 2 === 0 ? [`source-${n}`] : [{ prefix: `source-${n}-` }];
    const detail = { state: [{ 'anything-but': ['a', 'b'] }], name: [{ wildcard: 'order-*-of-*' }] };
    await root.send('events:PutRule', {
      Name: `rule-${n}`,
      EventPattern: JSON.stringify({ source, detail }),
    });
    const target = { Id: 'queue', Arn: QUEUE_ARN };
    await root.send('events:PutTargets', { Rule: `rule-${n}`, Targets: [target] });
  }
}

function eventOf(source: string): BusEvent {
  return {
    id: createUuid(),
    source,
    detailType: 'Order',
    account: ACCOUNT,
    region: REGION,
    at: Date.now(),
    resources: [],
    detail: { state: 'c', name: 'order-7-of-9', items: Array.from({ length: 10 }, (_, n) => ({ n })) },
  };
}

async function measure({ house, root }: Slipway): Promise<readonly Figure[]> {
  const unmatched: number[] = [];
  const matched: number[] = [];
  const bare: number[] = [];
  const lonely: number[] = [];
  const queue = { QueueUrl: `${house.endpoint()}/${ACCOUNT}/bench` };
  const publish = async (count: number, source: string) => {
    await Promise.all(Array.from({ length: count }, () => house.publish(eventOf(source))));
    await house.engine.idle();
  };
  for (let round = 0; round < ROUNDS; round++) {
    unmatched.push(await perSecond(UNMATCHED, () => publish(UNMATCHED, 'nobody')));
    matched.push(await perSecond(MATCHED, () => publish(MATCHED, 'source-0')));
    bare.push(await perSecond(MATCHED, () => bareTransactions(house, MATCHED)));
    await root.send('sqs:PurgeQueue', queue).catch(() => undefined);
  }
  for (let n = 0; n < LONELY; n++) {
    const from = performance.now();
    await house.publish(eventOf('source-0'));
    await house.engine.idle();
    lonely.push(performance.now() - from);
  }
  return [
    figure(`events that match none of ${RULES} rules`, '1/s', unmatched),
    figure(`events that match one of ${RULES} rules, to their queue`, '1/s', matched),
    figure('bare transactions', '1/s', bare),
    figure('one event → its queue', 'ms', lonely),
  ];
}

async function bareTransactions({ database }: Slipway['house'], count: number): Promise<void> {
  await database.transaction(async (transaction) => {
    await sql`create table if not exists bench_bare (id text primary key)`.execute(transaction);
  });
  const insert = () =>
    database.transaction(async (transaction) => {
      await sql`insert into bench_bare values (${createUuid()})`.execute(transaction);
    }, 'snapshot');
  await Promise.all(Array.from({ length: count }, insert));
}

async function perSecond(count: number, work: () => Promise<void>): Promise<number> {
  const from = performance.now();
  await work();
  return (count / (performance.now() - from)) * 1000;
}

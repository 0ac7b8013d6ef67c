/**
 * The story of one event, told twice: a rule takes it to a pipeline and a queue, the queue being short of room at
 * first. The world is a directory: what was sent is a file there, and the pipeline knows its tokens, as the real one
 * does. Schedules are not in it: they fire on whole minutes, which is long even in false time.
 */

import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fault } from '#base/fault.ts';
import { silentLog } from '#base/log.ts';
import { openEvents } from '#services/events/index.ts';
import type { BusEvent, Call, Caller, House } from '#services/service.ts';
import type { Chapter, Life, Story } from './harness.ts';

const SCOPE = { account: '123456789012', region: 'us-east-1' };
const ROOT = { type: 'root', account: SCOPE.account } as const;
const arnOf = (service: string, name: string) => `arn:aws:${service}:us-east-1:123456789012:${name}`;

const event: BusEvent = {
  ...SCOPE,
  id: '11111111-2222-4333-8444-555555555555',
  source: 'shop',
  detailType: 'Order',
  at: 1_700_000_000_000,
  resources: [],
  detail: { n: 1 },
};

export const story: Story = {
  migrations: openEvents(createHouse(undefined)).migrations,
  open(life): Chapter {
    const world = join(life.directory, 'world');
    mkdirSync(world, { recursive: true });
    const room = openEvents(createHouse({ life, world }));
    const deliveries = async () => {
      const found = await life.database.read
        .withTables<{ engine_machines: { kind: string; state: string } }>()
        .selectFrom('engine_machines')
        .select('state')
        .where('kind', '=', 'events.delivery')
        .execute();
      return found.map(({ state }) => JSON.parse(state) as { endedAt?: number });
    };
    const put = async (operation: 'PutRule' | 'PutTargets', input: object) => {
      const handler = room.operations[operation] as (call: Call, input: object) => Promise<object>;
      await handler(
        { ...SCOPE, at: life.clock.now(), principal: ROOT, authorize: async () => {} } as never,
        input,
      );
    };
    return {
      machines: room.machines,
      async begin() {
        await room.recover?.();
        await put('PutRule', { Name: 'orders', EventPattern: '{"source": ["shop"]}' });
        await put('PutTargets', {
          Rule: 'orders',
          Targets: [
            { Id: 'pipeline', Arn: arnOf('codepipeline', 'p'), RoleArn: 'arn:aws:iam::123456789012:role/r' },
            { Id: 'queue', Arn: arnOf('sqs', 'q') },
          ],
        });
        for (let times = 0; times < 2; times++) await room.subscriptions?.[0]?.hear(event);
      },
      async isOver() {
        const found = await deliveries();
        return found.length === 1 && found.every(({ endedAt }) => endedAt !== undefined);
      },
      end: async () => readdirSync(world).sort(),
      close: async () => room.close?.(),
    };
  },
};

interface Place {
  readonly life: Life;
  readonly world: string;
}

/** What the room takes from its house; other services are files. Without a place it is only looked at. */
function createHouse(place: Place | undefined): House {
  let refusals = 0;
  const note = (name: string) => closeSync(openSync(join(place?.world ?? '', name), 'a'));
  const send = async (operation: string, input: Readonly<Record<string, string>>): Promise<object> => {
    if (operation === 'codepipeline:StartPipelineExecution') {
      note(`started ${input['name']} ${input['clientRequestToken']}`);
      return { pipelineExecutionId: '1' };
    }
    if (refusals++ < 1) throw fault('ThrottlingException', 'not now');
    const body = JSON.parse(input['MessageBody'] ?? '') as { readonly time: string };
    note(`message ${input['QueueUrl']?.split('/').at(-1)} ${body.time}`);
    return { MessageId: '1' };
  };
  const caller = { principal: ROOT, send } as unknown as Caller;
  return {
    ...SCOPE,
    clock: place?.life.clock,
    log: silentLog,
    database: place?.life.database,
    engine: place?.life.engine,
    endpoint: () => 'http://house',
    asService: () => caller,
    assumeRole: async () => caller,
  } as unknown as House;
}

/**
 * The story of one interactive sandbox on the fake runtime: it comes up, runs two commands, and is stopped. The world is
 * what CloudWatch Logs was told, line by line, and what the sandboxes' folders hold.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as nextLook } from 'node:timers/promises';
import { silentLog } from '#base/log.ts';
import type { BuildPlan } from '#core/build/state.ts';
import { createFakeRuntime } from '#runtimes/fake.ts';
import type { RoleSessions } from '#services/codebuild/credentials.ts';
import type { Room } from '#services/codebuild/room.ts';
import { createRunning } from '#services/codebuild/running.ts';
import { createSandboxes, sandboxMigrations } from '#services/codebuild/sandboxes/index.ts';
import { sandboxTables } from '#services/codebuild/sandboxes/tables.ts';
import { migrations } from '#services/codebuild/tables.ts';
import type { House } from '#services/service.ts';
import { type Chapter, type Life, PLACE, type Story } from './harness.ts';

const UUID = '11111111-2222-4333-8444-555555555555';
const ID = `shop:${UUID}`;
const LOOK_MS = 2;
const COMMANDS = ["FAKE_SAYS='first command'", 'FAKE_STATUS=3'];

const plan: BuildPlan = {
  id: ID,
  uuid: UUID,
  arn: `arn:aws:codebuild:us-east-1:123456789012:sandbox/${ID}`,
  projectName: 'shop',
  initiator: 'root',
  source: { type: 'NO_SOURCE' },
  secondarySources: [],
  artifacts: { type: 'NO_ARTIFACTS' },
  secondaryArtifacts: [],
  environment: {
    type: 'LINUX_CONTAINER',
    image: 'aws/codebuild/standard:7.0',
    computeType: 'BUILD_GENERAL1_SMALL',
    privileged: false,
    variables: [],
  },
  serviceRole: 'arn:aws:iam::123456789012:role/build',
  encryptionKey: 'alias/aws/s3',
  timeoutMinutes: 2160,
  queuedTimeoutMinutes: 480,
  logs: { groupName: '/aws/codebuild/shop', streamName: UUID },
};

export const story: Story = {
  migrations: [...migrations, ...sandboxMigrations],
  open(life): Chapter {
    const world = join(life.directory, 'log');
    mkdirSync(world, { recursive: true });
    const sandboxes = createSandboxes(createRoom(life), createSessions(world));
    const machine = sandboxes.machine();
    const state = () => life.engine.read(machine, ID);
    let isClosed = false;
    let debugging = Promise.resolve();

    /** Whoever debugs asks for a command, waits for its end, asks again after a failure, and at last stops the sandbox. */
    async function debug(): Promise<void> {
      for (let now = await state(); !isClosed && !now?.isComplete; now = await state()) {
        const isFree = now?.phases.at(-1)?.type === 'RUN_SANDBOX' && now.commands.length === 0;
        if (isFree && !now?.ending) await ask(now?.commandCount ?? 0).catch(() => {});
        await nextLook(LOOK_MS);
      }
    }

    async function ask(count: number): Promise<void> {
      const text = COMMANDS[count];
      await life.engine.send(
        machine,
        ID,
        text === undefined
          ? { type: 'StopRequested' }
          : { type: 'CommandRequested', commandId: `command-${count}`, text },
      );
      sandboxes.notice(ID);
    }

    return {
      machines: [machine],
      async begin() {
        const row = {
          sandbox_id: ID,
          project_name: 'shop',
          requested_at: 0,
          is_complete: 0,
          worker_id: null,
        };
        await life.engine.send(machine, ID, { type: 'SandboxRequested', plan }, async (transaction) => {
          await sandboxTables(transaction)
            .insertInto('codebuild_sandbox')
            .values(row)
            .onConflict((conflict) => conflict.doNothing())
            .execute();
        });
        debugging = debug();
      },
      isOver: async () => (await state())?.isComplete ?? false,
      async end() {
        const rows = sandboxTables(life.database);
        const commands = await rows
          .selectFrom('codebuild_command')
          .select(['number', 'status', 'exit_code'])
          .orderBy('number')
          .execute();
        const row = await rows.selectFrom('codebuild_sandbox').selectAll().executeTakeFirst();
        return {
          phases: (await state())?.phases.map(({ type, status }) => `${type} ${status}`),
          commands,
          isComplete: row?.is_complete,
          log: linesOf(world),
          folders: readdirSync(join(life.directory, 'codebuild', 'builds')),
        };
      },
      async close() {
        isClosed = true;
        await debugging;
      },
    };
  },
};

/** Without their times; a line that stands there twice was said twice. */
function linesOf(world: string): string[] {
  return readdirSync(world)
    .map(Number)
    .sort((a, b) => a - b)
    .map((position) => readFileSync(join(world, `${position}`), 'utf8').replace(/\d{4}\/\S+ \S+ /, ''));
}

function createRoom(life: Life): Room {
  const house = {
    account: '123456789012',
    region: 'us-east-1',
    directory: life.directory,
    clock: life.clock,
    log: silentLog,
    database: life.database,
    engine: life.engine,
    endpoint: () => 'http://127.0.0.1:1',
    keyring: {
      derive: (purpose: string, name: string) => Buffer.from(`${purpose}/${name}`),
      seal: (_purpose: string, text: string) => text,
      open: (_purpose: string, text: string) => Buffer.from(text),
    },
  } as unknown as House;
  return {
    house,
    runtime: createFakeRuntime(life.clock),
    running: createRunning(1),
    workplace: { id: PLACE, name: 'shed', directory: life.directory },
    folders: new Map(),
  } as unknown as Room;
}

/** A role that can only write logs: each line lies under its position in the stream, as the room of logs keeps it. */
function createSessions(world: string): RoleSessions {
  const send = (operation: string, input: object): Promise<object> => {
    if (operation === 'logs:PutLogEvents') {
      const { sequenceToken, logEvents } = input as {
        sequenceToken: string;
        logEvents: readonly { message: string }[];
      };
      const start = Number(sequenceToken.replace('position/', ''));
      for (const [i, { message }] of logEvents.entries()) {
        const file = join(world, `${start + i}`);
        if (!existsSync(file)) writeFileSync(file, message);
      }
    }
    return Promise.resolve({});
  };
  return {
    of: () => Promise.resolve({ send } as unknown as Awaited<ReturnType<RoleSessions['of']>>),
    forget() {},
  };
}

/**
 * The main job under `kill -9`: the server is killed again and again while a commit travels, at moments that move from
 * run to run over the whole way. After each start it goes on by itself; the release arrives, and the world has seen
 * every build command, approval, deployment and hook exactly once.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readRootKey } from '#store/root-key.ts';
import { assertOnce, leaveTraces } from '#test/support/once.ts';
import { createServerProcess, type ServerProcess } from '#test/support/server.ts';
import { createStory, type Story } from '#test/support/story.ts';

/** Pauses between kills, a run each; different steps make different moments. */
const KILL_AFTER_MS = [350, 520, 810];
const KILLS_MAX = 25;
const HOST_NAMES = ['host-1', 'host-2'];

let directory: string;
let server: ServerProcess;
let story: Story;
let latest: string;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-crash-'));
  server = await createServerProcess(join(directory, 'data'));
  await server.start();
  story = await createStory(
    () => ({ endpoint: server.url, region: 'us-east-1', maxAttempts: 12, ...rootKey() }),
    directory,
    HOST_NAMES,
  );
  latest = await story.nextExecution(undefined);
  leaveTraces(story);
});

after(async () => {
  await story?.close();
  await server?.stop();
  if (directory) rmSync(directory, { recursive: true, force: true });
});

for (const pauseMs of KILL_AFTER_MS) {
  test(`a commit arrives once, with the server killed every ${pauseMs} ms`, async () => {
    story.write('number', `${pauseMs}\n`);
    const travelling = travel(`Release while dying every ${pauseMs} ms`);
    const { status, execution } = await killWhile(travelling, pauseMs);
    assert.equal(status, 'Succeeded');
    await assertOnce(story, execution);
    latest = execution;
  });
}

async function travel(message: string): Promise<{ status: string; execution: string }> {
  await pushUntilAnswered(message);
  const execution = await story.nextExecution(latest);
  return { status: await story.approveAndFollow(execution), execution };
}

/** A push whose answer was lost is repeated, as a person would; git then finds everything up to date. */
async function pushUntilAnswered(message: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await (attempt === 1 ? story.commitAndPush(message) : story.push());
      return;
    } catch (error) {
      if (attempt >= KILLS_MAX) throw error;
    }
  }
}

async function killWhile<Result>(work: Promise<Result>, pauseMs: number): Promise<Result> {
  let isDone = false;
  const ended = work.finally(() => (isDone = true));
  ended.catch(() => {});
  for (let kills = 0; kills < KILLS_MAX && !isDone; kills++) {
    // Time between kills is what this test varies; nothing is waited for here.
    await Promise.race([new Promise((resolve) => setTimeout(resolve, pauseMs)), ended.catch(() => {})]);
    if (isDone) break;
    await server.kill();
    await server.start();
  }
  return ended;
}

function rootKey() {
  const key = readRootKey(join(directory, 'data'));
  assert.ok(key);
  return key;
}

/**
 * `npm run bench audit`: what the record of every call costs. Calls a second with records kept and with records made but
 * not kept, for a read and for a change, alone and many at a time, over HTTP with signatures and inside the house; and
 * what it costs to make one record. Rounds of both kinds alternate, so that a busy machine disturbs both alike.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '#base/log.ts';
import { kindOf } from '#core/trail/calls.ts';
import { callRecord } from '#core/trail/record.ts';
import type { Recorder } from '#services/service.ts';
import { createSlipway } from '#slipway';
import { loadModel } from '#wire/model.ts';
import { showMembers } from '#wire/shown.ts';
import { signRequest } from '#wire/sign.ts';
import { type Figure, figure, report } from './report.ts';

const ROUNDS = 5;
const ROUND_MS = 500;
const AT_ONCE = [1, 16];
const REGION = 'us-east-1';

const directory = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const slipway = await createSlipway({
  directory,
  host: '127.0.0.1',
  port: 0,
  account: '123456789012',
  region: REGION,
  runtime: 'process',
  environment: {},
  log: silentLog,
});
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const figures: Figure[] = [];
try {
  const recorder = switchable();
  await slipway.root.send('codecommit:CreateRepository', { repositoryName: 'bench' });
  const calls = [
    ['read inside (GetRepository)', readInside],
    ['change inside (UpdateRepositoryDescription)', changeInside],
    ['read over HTTP', () => overHttp('GetRepository', { repositoryName: 'bench' })],
    ['change over HTTP', changeOverHttp],
  ] as const;
  for (const [name, call] of calls) for (const atOnce of AT_ONCE) await compare(name, call, atOnce, recorder);
  measureMaking();
} finally {
  agent.destroy();
  await slipway.close(0);
  rmSync(directory, { recursive: true, force: true });
}
report('audit', figures, [`load at the end: ${loadavg()[0]?.toFixed(2)}`]);

async function compare(
  name: string,
  call: () => Promise<unknown>,
  atOnce: number,
  recorder: Switch,
): Promise<void> {
  const on: number[] = [];
  const off: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    recorder.isOn = round % 2 === 0;
    (recorder.isOn ? on : off).push(await callsPerSecond(call, atOnce));
    recorder.isOn = round % 2 !== 0;
    (recorder.isOn ? on : off).push(await callsPerSecond(call, atOnce));
  }
  recorder.isOn = true;
  figures.push(figure(`${name}, ${atOnce} at once, recorded`, 'calls/s', on));
  figures.push(figure(`${name}, ${atOnce} at once, not recorded`, 'calls/s', off));
}

async function callsPerSecond(call: () => Promise<unknown>, atOnce: number): Promise<number> {
  const from = performance.now();
  let count = 0;
  const one = async () => {
    while (performance.now() - from < ROUND_MS) {
      await call();
      count++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return (count * 1000) / (performance.now() - from);
}

function readInside(): Promise<unknown> {
  return slipway.root.send('codecommit:GetRepository', { repositoryName: 'bench' });
}

function changeInside(): Promise<unknown> {
  return slipway.root.send('codecommit:UpdateRepositoryDescription', {
    repositoryName: 'bench',
    repositoryDescription: `at ${performance.now()}`,
  });
}

function changeOverHttp(): Promise<unknown> {
  const repositoryDescription = `at ${performance.now()}`;
  return overHttp('UpdateRepositoryDescription', { repositoryName: 'bench', repositoryDescription });
}

function overHttp(operation: string, input: object): Promise<void> {
  const body = JSON.stringify(input);
  const url = new URL(slipway.url);
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `CodeCommit_20150413.${operation}`,
  };
  const scope = { service: 'codecommit', region: REGION };
  const signed = signRequest({ method: 'POST', url, headers, body }, scope, slipway.rootKey, Date.now());
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: 'POST', headers: signed, agent }, (response) => {
      response.resume();
      response.once('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
      );
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

interface Switch {
  isOn: boolean;
}

/** Lets the recorder of the house forget what it should keep. */
function switchable(): Switch {
  const state: Switch = { isOn: true };
  const room = slipway.rooms.find(({ name }) => name === 'cloudtrail');
  const recorder = room?.recorder as { -readonly [Name in keyof Recorder]: Recorder[Name] };
  const { keep } = recorder;
  recorder.keep = (record, isAwaited) => (state.isOn ? keep(record, isAwaited) : Promise.resolve());
  return state;
}

/** Redacting and writing the JSON of one record, of a small input. */
function measureMaking(): void {
  const model = loadModel('codecommit');
  const operation = model.operations.get('UpdateRepositoryDescription');
  const input = { repositoryName: 'bench', repositoryDescription: 'a repository of the bench' };
  const samples: number[] = [];
  for (let round = 0; round < 20; round++) {
    const from = performance.now();
    for (let index = 0; index < 1_000; index++) {
      callRecord({
        id: '3b241101-e2bb-4255-8caf-4136c566a962',
        at: 1_700_000_000_000 + index,
        requestId: '3b241101-e2bb-4255-8caf-4136c566a963',
        kind: kindOf('codecommit', 'UpdateRepositoryDescription'),
        account: '123456789012',
        region: REGION,
        principal: { type: 'root', account: '123456789012' },
        accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
        source: '127.0.0.1',
        userAgent: 'bench',
        request: showMembers(operation?.input, input).value,
        response: undefined,
        error: undefined,
        arns: ['arn:aws:codecommit:us-east-1:123456789012:bench'],
      });
    }
    samples.push(performance.now() - from);
  }
  figures.push(figure('making one record', 'µs', samples));
}

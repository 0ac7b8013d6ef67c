/** `slipway worker` as operators meet it: every wrong setting is one plain sentence, and one signal ends it well. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { type Cluster, postgresSkip, startPostgres } from '#test/support/postgres.ts';

const SLIPWAY = resolve(import.meta.dirname, '../../bin/slipway');

let directory: string;
let cluster: Cluster | undefined;
const children: ChildProcess[] = [];
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'slipway-cli-'));
  if (!postgresSkip) cluster = await startPostgres();
});
after(async () => {
  for (const child of children) child.kill('SIGKILL');
  await cluster?.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface Given {
  readonly database?: string;
  readonly data?: string;
  readonly scratch?: string;
  readonly server?: string;
  readonly more?: readonly string[];
  readonly region?: string;
}

function command({ data, scratch, server, more = [] }: Given): string[] {
  const places = [
    '--data',
    data ?? join(directory, 'data'),
    '--scratch',
    scratch ?? join(directory, 'scratch'),
  ];
  return ['worker', '--server', server ?? 'http://127.0.0.1:9', ...places, ...more];
}

function environment(database: string | undefined, region?: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: directory,
    ...(database === undefined ? {} : { SLIPWAY_DATABASE_URL: database }),
    ...(region === undefined ? {} : { AWS_REGION: region }),
  };
}

/** What a worker that cannot start says. */
function refusal(given: Given): string {
  const { status, stdout, stderr } = spawnSync(SLIPWAY, command(given), {
    encoding: 'utf8',
    timeout: 30_000,
    env: environment(given.database, given.region),
  });
  assert.equal(status, 1, stderr);
  assert.equal(stdout, '');
  assert.equal(stderr.trim().split('\n').length, 1, stderr);
  return stderr.trim();
}

async function started(parameters: readonly string[], database: string): Promise<[ChildProcess, string]> {
  const child = spawn(SLIPWAY, parameters, { stdio: ['ignore', 'pipe', 'pipe'], env: environment(database) });
  children.push(child);
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (complaints += text));
  const line = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error(complaints)));
    child.stdout.setEncoding('utf8').once('data', resolve);
  });
  return [child, line];
}

test('without a database, or with one that cannot be shared, it says what to set', () => {
  assert.match(refusal({}), /^slipway: There is no database\. Set SLIPWAY_DATABASE_URL/);
  assert.match(
    refusal({ database: '/var/lib/slipway/slipway.db' }),
    /^slipway: SLIPWAY_DATABASE_URL is not postgres:\/\/…: an SQLite database belongs to the one server/,
  );
});

test('folders, numbers and addresses that cannot be right are named', () => {
  const database = 'postgres://127.0.0.1:9/none';
  const data = join(directory, 'data');
  assert.match(
    refusal({ database, data: join(directory, 'nowhere') }),
    /holds no keyring\.json\. Mount it here/,
  );
  assert.match(
    refusal({ database, more: ['--builds', 'many'] }),
    /^slipway: --builds many is not understood/,
  );
  assert.match(
    refusal({ database, more: ['--runtime', 'magic'] }),
    /^slipway: There is no runtime named magic/,
  );
  assert.match(refusal({ database, server: 'build-server' }), /^slipway: build-server is not a URL/);
  mkdirSync(data, { recursive: true });
  spawnSync('sh', ['-c', `: >'${join(data, 'keyring.json')}'`]);
  assert.match(refusal({ database, scratch: join(data, 'scratch') }), /which all machines share/);
  assert.match(refusal({ database }), /^slipway: No Slipway answers at http:\/\/127\.0\.0\.1:9: /);
  rmSync(data, { recursive: true });
});

test('a server on SQLite cannot leave its builds to workers', () => {
  const { status, stderr } = spawnSync(
    SLIPWAY,
    ['serve', '--data', join(directory, 'data'), '--builds', 'off'],
    {
      encoding: 'utf8',
      timeout: 30_000,
      env: environment(undefined),
    },
  );
  assert.equal(status, 1);
  assert.match(stderr, /^slipway: Without builds here, workers run them, and they need PostgreSQL/);
});

test(
  'it starts beside a server, tells of a wrong one, and ends at one signal',
  { skip: postgresSkip },
  async () => {
    assert.ok(cluster);
    const database = await cluster.createDatabase();
    const data = join(directory, 'data');
    const [server, ready] = await started(
      ['serve', '--data', data, '--listen', '127.0.0.1:0', '--builds', 'off'],
      database,
    );
    const url = /^slipway ready (\S+)\n$/.exec(ready)?.[1];
    assert.ok(url, ready);
    assert.match(
      refusal({ database: await cluster.createDatabase(), server: url }),
      /^slipway: The database holds no Slipway\. Start a server on it first\.$/,
    );
    assert.match(
      refusal({ database, server: url, region: 'eu-north-1' }),
      /refuses the root key of the data directory in region eu-north-1/,
    );
    const gone = database.replace(/\/[^/]+$/, '/gone');
    assert.match(
      refusal({ database: gone, server: url }),
      /^slipway: the database cannot be reached: .*gone/,
    );

    const [worker, line] = await started(command({ server: url }), database);
    assert.equal(line, `slipway worker ready for ${url}\n`);
    const from = Date.now();
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.kill('SIGTERM');
    assert.equal(await ended, 0);
    assert.ok(Date.now() - from < 10_000);
    server.kill('SIGTERM');
  },
);

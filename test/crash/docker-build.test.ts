/** The same builds under `kill -9` of their server, in containers of an engine that goes on. */

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { connectBuilds, createBuildRole, type BuildClients } from '#test/support/builds.ts';
import { dockerProblem, SHELL_PROGRAMS, startEngine, type TestEngine } from '#test/support/docker.ts';
import { killedBuildTests } from './killed-builds.ts';
import { createKilledServer, type KilledServer } from './killed-server.ts';

const IMAGE = { type: 'LINUX_CONTAINER', image: 'tools:1', computeType: 'BUILD_GENERAL1_SMALL' } as const;

describe('in a container', { skip: dockerProblem() }, () => {
  let engine: TestEngine;
  let server: KilledServer;
  let clients: BuildClients;

  before(async () => {
    engine = await startEngine();
    await engine.makeImage('tools:1', SHELL_PROGRAMS);
    server = await createKilledServer(engine.socketPath);
    clients = connectBuilds(server.house);
    await createBuildRole(clients.iam);
    await clients.s3.createBucket({ Bucket: 'files' });
  });
  after(async () => {
    clients?.close();
    await server?.close();
    const left = [await engine?.containers(), await engine?.volumes()];
    await engine?.close();
    assert.deepEqual(left, [[], []]);
  });

  killedBuildTests(() => ({ server, clients, project: { environment: IMAGE } }));
});

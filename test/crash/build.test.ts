/**
 * A build under `kill -9`: the server is killed again and again while a build runs, and started again. The build ends
 * as if nothing had happened: every command ran once, and every line of its log is there once.
 */

import { after, before } from 'node:test';
import { connectBuilds, createBuildRole, type BuildClients } from '#test/support/builds.ts';
import { killedBuildTests } from './killed-builds.ts';
import { createKilledServer, type KilledServer } from './killed-server.ts';

let server: KilledServer;
let clients: BuildClients;

before(async () => {
  server = await createKilledServer();
  clients = connectBuilds(server.house);
  await createBuildRole(clients.iam);
  await clients.s3.createBucket({ Bucket: 'files' });
});
after(async () => {
  clients.close();
  await server.close();
});

killedBuildTests(() => ({ server, clients, project: {} }));

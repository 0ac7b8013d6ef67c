/** CodeBuild §11, scenario 74: what a build reaches, and whose credentials it gets. */

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, before, test } from 'node:test';
import { connectBuilds, createBuildRole, ROLE, spec, type BuildClients } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

let house: TestHouse;
let clients: BuildClients;
let neighbour: Server;

before(async () => {
  neighbour = createServer((_request, response) => response.end('REACHED')).listen(0, '0.0.0.0');
  await new Promise((resolve) => neighbour.once('listening', resolve));
  // The usual setting: the internet, and nobody at home.
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam);
});
after(async () => {
  clients.close();
  neighbour.close();
  await house.close();
});

test('scenario 74: a build reaches neither metadata, nor private ranges, nor the machine, directly or by the proxy', async () => {
  const { port } = neighbour.address() as AddressInfo;
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family }) => family === 'IPv4')
    .map(({ address }) => `http://${address}:${port}/`);
  const urls = [
    'http://169.254.169.254/latest/meta-data/',
    'http://169.254.170.2/v2/credentials/x',
    `http://localhost:${port}/`,
    'http://10.0.0.1/',
    'http://192.168.0.1/',
    'http://[::1]/',
    ...own,
  ];
  const commands = urls.flatMap((url) => [
    `curl -s -m 2 --noproxy "*" "${url}" | grep -q . && echo "REACHED ${url}"; true`,
    `curl -s -m 2 "${url}" | grep REACHED && echo "REACHED ${url} by the proxy"; true`,
  ]);
  await clients.createProject('curious', spec([...commands, 'echo tried']));
  const build = await clients.run('curious');
  assert.equal(build.buildStatus, 'SUCCEEDED');
  assert.deepEqual(await clients.output(build), ['tried']);
});

test('scenario 74: the endpoint of credentials gives the role of the build, and nothing once it has ended', async () => {
  await clients.createProject(
    'credentials',
    spec([
      'curl -s -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" "$AWS_CONTAINER_CREDENTIALS_FULL_URI" | sed "s/.*RoleArn\\":\\"\\([^\\"]*\\).*/\\1/"',
      'curl -s -o /dev/null -w "%{http_code}\\n" "$AWS_CONTAINER_CREDENTIALS_FULL_URI"',
      'echo "$AWS_CONTAINER_CREDENTIALS_FULL_URI"',
      // Backwards, because the log shows no secret that it knows.
      'printf %s "$AWS_CONTAINER_AUTHORIZATION_TOKEN" | rev; echo',
    ]),
  );
  const [role, withoutToken, uri = '', token = ''] = await clients.output(await clients.run('credentials'));
  assert.deepEqual([role, withoutToken], [ROLE, '403']);
  const late = await fetch(uri, { headers: { authorization: token.split('').reverse().join('') } });
  assert.equal(late.status, 404);
});

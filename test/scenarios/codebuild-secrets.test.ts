/** CodeBuild §11: scenarios 25, 26 and 75, values of Parameter Store and Secrets Manager in builds and nowhere else. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Build, CreateProjectInput } from '@aws-sdk/client-codebuild';
import { type BuildClients, connectBuilds, contextOf, createBuildRole } from '#test/support/builds.ts';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';

const PASSWORD = 'pass word/+"quoted"&more';
const TOKEN = 'token-of-the-shop-0123456789';
const KEY = 'first line of the key\nsecond line of the key\n';

let house: TestHouse;
let clients: BuildClients;
before(async () => {
  house = await createTestHouse();
  clients = connectBuilds(house);
  await createBuildRole(clients.iam, [
    'logs:*',
    'ssm:GetParameters',
    'secretsmanager:GetSecretValue',
    'kms:Decrypt',
  ]);
  const { root } = house.slipway;
  await root.send('ssm:PutParameter', { Name: '/shop/password', Value: PASSWORD, Type: 'SecureString' });
  await root.send('ssm:PutParameter', { Name: 'plain', Value: 'a plain parameter', Type: 'String' });
  await root.send('secretsmanager:CreateSecret', {
    Name: 'shop',
    SecretString: JSON.stringify({ token: TOKEN, port: 5432 }),
  });
  await root.send('secretsmanager:CreateSecret', { Name: 'key', SecretString: KEY });
});
after(async () => {
  clients.close();
  await house.close();
});

let count = 0;
async function run(
  env: object,
  commands: readonly string[],
  more: Partial<CreateProjectInput> = {},
): Promise<Build> {
  const name = `e${++count}x`;
  const buildspec = JSON.stringify({ version: '0.2', env, phases: { build: { commands } } });
  await clients.createProject(name, buildspec, more);
  return clients.run(name);
}

const environment = (environmentVariables: object[]) =>
  ({
    environment: {
      type: 'LINUX_CONTAINER',
      image: 'aws/codebuild/standard:7.0',
      computeType: 'BUILD_GENERAL1_SMALL',
      environmentVariables,
    },
  }) as Partial<CreateProjectInput>;

test('scenario 25: values are there for commands, masked in the log, and only named in the API', async () => {
  const env = {
    'parameter-store': { PW: '/shop/password', PLAIN: 'plain' },
    'secrets-manager': {
      TOKEN: 'shop:token',
      PORT: 'shop:port',
      WHOLE: 'key',
      STAGED: 'shop:token:AWSCURRENT',
    },
  };
  const build = await run(env, [
    'echo "[$PW] [$PLAIN] [$TOKEN] [$STAGED] [$PORT]"',
    'printf "%s" "$PW" | wc -c; printf "%s" "$TOKEN" | wc -c; printf "%s\\n" "$WHOLE" | wc -l',
    'false "$PW"',
  ]);
  assert.equal(build.buildStatus, 'FAILED');
  const output = await clients.output(build);
  assert.deepEqual(output.slice(0, 4), [
    '[***] [***] [***] [***] [***]',
    String(PASSWORD.length),
    String(TOKEN.length),
    '3',
  ]);
  const all = JSON.stringify([await clients.log(build), build]);
  for (const secret of [PASSWORD, TOKEN]) assert.ok(!all.includes(secret));

  const variables = [
    { name: 'PW', value: '/shop/password', type: 'PARAMETER_STORE' },
    { name: 'TOKEN', value: 'shop:token', type: 'SECRETS_MANAGER' },
  ];
  const ofProject = await run({}, ['[ -n "$PW" ] && echo "$TOKEN"'], environment(variables));
  assert.deepEqual(await clients.output(ofProject), ['***']);
  assert.deepEqual(ofProject.environment?.environmentVariables, variables);
});

test('scenario 26: a parameter or a key that is not there fails DOWNLOAD_SOURCE', async () => {
  const parameter = await run({ 'parameter-store': { X: '/no/such' } }, ['true']);
  assert.equal(contextOf(parameter), 'Decrypted Variables Error: parameter does not exist: /no/such');
  const key = await run({ 'secrets-manager': { X: 'shop:nothing' } }, ['true']);
  assert.equal(contextOf(key), 'Secrets Manager Error: the secret shop has no key nothing');
  const secret = await run({ 'secrets-manager': { X: 'nothing' } }, ['true']);
  assert.match(contextOf(secret) ?? '', /^Secrets Manager Error: ResourceNotFoundException: /);
  await clients.iam.putRolePolicy({
    RoleName: 'build',
    PolicyName: 'mute',
    PolicyDocument: JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Action: 'ssm:GetParameters', Resource: '*' }],
    }),
  });
  const denied = await run({ 'parameter-store': { X: 'plain' } }, ['true']);
  assert.match(
    contextOf(denied) ?? '',
    /^Decrypted Variables Error: AccessDeniedException: .*ssm:GetParameters/,
  );
  await clients.iam.deleteRolePolicy({ RoleName: 'build', PolicyName: 'mute' });
});

test('a variable that the project sets in another way is not asked for', async () => {
  const plain = environment([{ name: 'X', value: 'of the project', type: 'PLAINTEXT' }]);
  const build = await run({ 'parameter-store': { X: '/no/such' } }, ['echo $X'], plain);
  assert.deepEqual(await clients.output(build), ['of the project']);
});

test('scenario 75: split, coloured, of several lines or written in another way, a secret stays masked', async () => {
  const env = {
    'secrets-manager': { TOKEN: 'shop:token', KEY: 'key' },
    'parameter-store': { PW: '/shop/password' },
  };
  const build = await run(env, [
    'printf "%s" "${TOKEN%??????}"; sleep 0.2; printf "%s\\n" "${TOKEN#${TOKEN%??????}}"',
    'printf "\\033[31m%s\\033[0m\\n" "$TOKEN"',
    'printf "%s\\n" "$KEY"',
    'printf "%s" "$TOKEN" | base64',
    `python3 -c 'import json,os,shlex,urllib.parse as u; p=os.environ["PW"]; print(u.quote(p, safe="!*()\\x27")); print(json.dumps(p)); print(shlex.quote(p))'`,
  ]);
  assert.equal(contextOf(build), undefined);
  const esc = String.fromCharCode(27);
  assert.deepEqual(await clients.output(build), [
    '***',
    `${esc}[31m***${esc}[0m`,
    '***',
    '***',
    '***',
    '***',
    '"***"',
    "'***'",
  ]);
});

test('what a build exports may be a plain parameter, and never holds a secret', async () => {
  const env = {
    'parameter-store': { PLAIN: 'plain', PW: '/shop/password' },
    'secrets-manager': { TOKEN: 'shop:token' },
    'exported-variables': ['PLAIN', 'PW', 'TOKEN', 'COPY', 'CODED', 'WORD'],
  };
  const build = await run(env, ['COPY="x $TOKEN"', 'CODED=$(printf "%s" "$TOKEN" | base64)', 'WORD=fine']);
  assert.deepEqual(build.exportedEnvironmentVariables, [
    { name: 'PLAIN', value: 'a plain parameter' },
    { name: 'WORD', value: 'fine' },
  ]);
  const log = (await clients.log(build)).join('\n');
  for (const name of ['PW', 'TOKEN', 'COPY', 'CODED']) {
    assert.ok(log.includes(`Warning: the variable ${name} is not exported: it holds a secret`), name);
  }
});

test('a parameter, one of its versions and one of its labels are three values', async () => {
  const { root } = house.slipway;
  const Name = '/versions';
  await root.send('ssm:PutParameter', { Name, Value: 'first', Type: 'String' });
  await root.send('ssm:PutParameter', { Name, Value: 'second', Overwrite: true });
  await root.send('ssm:PutParameter', { Name, Value: 'third', Overwrite: true });
  await root.send('ssm:LabelParameterVersion', { Name, ParameterVersion: 2, Labels: ['live'] });
  const arn = `arn:aws:ssm:us-east-1:123456789012:parameter${Name}`;
  const names = { A: Name, B: `${Name}:1`, C: `${Name}:live`, D: `${arn}:1`, E: arn };
  const build = await run({ 'parameter-store': names, 'exported-variables': Object.keys(names) }, ['true']);
  assert.deepEqual(
    build.exportedEnvironmentVariables?.map(({ value }) => value),
    ['third', 'first', 'second', 'first', 'third'],
  );
});

test('a parameter may stand for a secret', async () => {
  const name = '/aws/reference/secretsmanager/key';
  const env = { 'parameter-store': { KEY: name }, 'exported-variables': ['KEY'] };
  const build = await run(env, ['printf "%s" "$KEY" | wc -l', 'printf "%s\\n" "$KEY"']);
  const [length, ...lines] = await clients.output(build);
  assert.equal(length, '2');
  // In one piece or line by line, as it came out of the pipe.
  assert.deepEqual([...new Set(lines)], ['***']);
  assert.deepEqual(build.exportedEnvironmentVariables, []);
});

test('nothing of it is left in the data directory when the builds are over', () => {
  const data = join(house.directory, 'data');
  for (const file of readdirSync(data, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const content = readFileSync(join(file.parentPath, file.name)).toString('latin1');
    for (const secret of [PASSWORD, TOKEN, 'second line of the key']) {
      assert.ok(!content.includes(secret), `${join(file.parentPath, file.name)} holds a secret`);
    }
  }
});

test('references in the variables of a start are references too', async () => {
  const name = `e${++count}x`;
  const buildspec = JSON.stringify({ version: '0.2', phases: { build: { commands: ['echo "[$A] [$B]"'] } } });
  await clients.createProject(name, buildspec);
  const environmentVariablesOverride = [
    { name: 'A', value: 'plain', type: 'PARAMETER_STORE' as const },
    { name: 'B', value: 'shop:token', type: 'SECRETS_MANAGER' as const },
  ];
  const build = await clients.run(name, { environmentVariablesOverride });
  assert.deepEqual(await clients.output(build), ['[***] [***]']);
});

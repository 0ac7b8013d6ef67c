import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { GithubFailed, registerHook, removeHook } from './github-hooks.ts';

/** GitHub as far as webhooks of one repository go. */
interface FakeGithub {
  readonly api: string;
  readonly calls: { method: string; path: string; authorization: string; body: unknown }[];
  hooks: { id: number; config: Record<string, string>; events?: string[]; active?: boolean }[];
  /** Answered instead of what was asked for. */
  answer: { status: number; body: string; headers?: Record<string, string> } | undefined;
}

const repository = { owner: 'octo', name: 'shop', token: 'gho_verysecret' };
const URL_OF_HOOK = 'https://ci.example.com/webhooks/abc';

let server: Server;
let github: FakeGithub;

before(async () => {
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request;
      const body = text === '' ? undefined : (JSON.parse(text) as unknown);
      github.calls.push({ method, path, authorization: headers.authorization ?? '', body });
      if (github.answer) {
        response.writeHead(github.answer.status, github.answer.headers);
        return response.end(github.answer.body);
      }
      const given = body as FakeGithub['hooks'][number];
      const id = Number(path.split('/').at(-1));
      if (method === 'POST') github.hooks.push({ ...given, id: 7 });
      if (method === 'PATCH')
        github.hooks = github.hooks.map((hook) => (hook.id === id ? { ...given, id } : hook));
      if (method === 'DELETE') github.hooks = github.hooks.filter((hook) => hook.id !== id);
      if (method === 'DELETE') return response.writeHead(204).end();
      response.end(JSON.stringify(method === 'GET' ? github.hooks : {}));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
after(() => server.close());
beforeEach(() => {
  const { port } = server.address() as AddressInfo;
  github = { api: `http://127.0.0.1:${port}/api/v3/`, calls: [], hooks: [], answer: undefined };
});

test('registering makes the hook, and registering again puts it right', async () => {
  await registerHook(github.api, repository, URL_OF_HOOK, 's1');
  await registerHook(github.api, repository, URL_OF_HOOK, 's2');
  assert.deepEqual(
    github.calls.map(({ method, path }) => `${method} ${path}`),
    [
      'GET /api/v3/repos/octo/shop/hooks?per_page=100',
      'POST /api/v3/repos/octo/shop/hooks',
      'GET /api/v3/repos/octo/shop/hooks?per_page=100',
      'PATCH /api/v3/repos/octo/shop/hooks/7',
    ],
  );
  assert.ok(github.calls.every(({ authorization }) => authorization === 'Bearer gho_verysecret'));
  assert.deepEqual(github.hooks, [
    {
      id: 7,
      active: true,
      events: ['push'],
      config: { url: URL_OF_HOOK, content_type: 'json', insecure_ssl: '0', secret: 's2' },
    },
  ]);
});

test('removing removes this hook only, and one that is not there is fine', async () => {
  github.hooks = [
    { id: 1, config: { url: 'https://other' } },
    { id: 2, config: { url: URL_OF_HOOK } },
  ];
  await removeHook(github.api, repository, URL_OF_HOOK);
  await removeHook(github.api, repository, URL_OF_HOOK);
  assert.deepEqual(
    github.hooks.map(({ id }) => id),
    [1],
  );
});

async function failure(run: Promise<void>): Promise<string> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof GithubFailed);
  return error.message;
}

const register = (api = github.api, other: object = {}) =>
  failure(registerHook(api, { ...repository, ...other }, URL_OF_HOOK, 's'));

test('what GitHub answers is told, without the token', async () => {
  github.answer = { status: 401, body: '{"message":"Bad credentials gho_verysecret"}' };
  assert.equal(await register(), 'GitHub answered 401: Bad credentials ****');
  github.answer = { status: 502, body: '<html>' };
  assert.equal(await register(), 'GitHub did not answer with JSON');
  github.answer = { status: 200, body: '{"id":1}' };
  assert.equal(await register(), 'GitHub did not answer with a list of webhooks');
});

test('the token follows no redirect, leaves no unsafe address, and names lead nowhere else', async () => {
  github.answer = { status: 307, body: '', headers: { location: `${github.api}elsewhere` } };
  assert.equal(await register(), 'GitHub could not be reached');
  assert.equal(github.calls.length, 1);
  assert.match(await register('http://github.example.com'), /must begin with https/);
  assert.match(await register('nonsense'), /is not a URL/);
  for (const owner of ['..', '', 'a/b', 'a?b', 'a%2Fb']) {
    assert.match(await register(github.api, { owner }), /not one that GitHub has/);
  }
  assert.equal(github.calls.length, 1);
});

test('an answer without end is given up', async () => {
  github.answer = { status: 200, body: `"${'x'.repeat(2 * 1024 * 1024)}"` };
  assert.equal(await register(), 'The answer of GitHub has no end');
});

/**
 * Requests that mean harm: each gets AWS's error or a closed connection, the server goes on serving, and its memory
 * stays flat. The server is a process of its own; its memory is read from its metrics.
 */

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { signRequest } from '#wire/sign.ts';
import { rootKey, userKey } from '#test/support/fake-rooms.ts';

const HEADERS_MS = 600;
const GROWTH_BYTES_MAX = 160 * 1024 * 1024;
const ANSWER_MS_MAX = 20_000;

let server: ChildProcess;
let url: URL;

before(async () => {
  const script = new URL('../support/serve-fake.ts', import.meta.url).pathname;
  server = spawn(process.execPath, [script, String(HEADERS_MS)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(server.stdout!, 'data')) as [Buffer];
  url = new URL(line.toString().trim());
});
after(() => void server.kill());

interface Shape {
  readonly method?: string;
  readonly path?: string;
  readonly service?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly key?: typeof rootKey;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** The head of a signed request, as text; what is not signed can be changed behind it. */
function head(shape: Shape, length?: string): string {
  const { method = 'POST', path = '/', service = 'codepipeline', body = '', key = rootKey } = shape;
  const signed = signRequest(
    { method, url: new URL(path, url), headers: shape.headers ?? {}, body },
    { service, region: 'us-east-1' },
    key,
    Date.now(),
  );
  const lines = Object.entries(signed).map(([name, value]) => `${name}: ${value}`);
  const framing = length ?? `content-length: ${Buffer.byteLength(body)}`;
  return `${method} ${path} HTTP/1.1\r\nhost: ${url.host}\r\n${lines.join('\r\n')}\r\n${framing}\r\n\r\n`;
}

/** Writes and reads what comes until the answer is whole or the connection ends; status 0 for no answer. */
function talk(write: (socket: Socket) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(url.port), url.hostname);
    let text = '';
    const settle = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text });
    };
    const timer = setTimeout(() => reject(new Error(`no end after: ${text.slice(0, 200)}`)), ANSWER_MS_MAX);
    socket.on('connect', () => write(socket));
    socket.on('data', (data) => {
      text = (text + data.toString('latin1')).slice(0, 100_000);
      const end = text.indexOf('\r\n\r\n');
      const length = /\r\ncontent-length: (\d+)/i.exec(text);
      const isInterim = text.startsWith('HTTP/1.1 100');
      if (end >= 0 && length && !isInterim && text.length >= end + 4 + Number(length[1])) settle();
    });
    socket.on('error', settle);
    socket.on('close', settle);
  });
}

function ask(shape: Shape): Promise<Answer> {
  const { body = '' } = shape;
  return talk((socket) => {
    socket.write(head(shape));
    socket.write(body);
  });
}

const json = (operation: string) => ({
  'content-type': 'application/x-amz-json-1.1',
  'x-amz-target': `CodePipeline_20150709.${operation}`,
});

async function isWell(): Promise<void> {
  const answer = await ask({ headers: json('GetPipeline'), body: '{"name":"ok-a"}' });
  assert.equal(answer.status, 200, answer.text);
}

async function residentBytes(): Promise<number> {
  const metrics = await (await fetch(new URL('/_slipway/metrics', url))).text();
  return Number(/^slipway_resident_bytes (\d+)$/m.exec(metrics)?.[1]);
}

const isRefused = (answer: Answer) => answer.status === 0 || (answer.status >= 400 && answer.status < 500);

test('a body over 10 MB is refused before it is read, whatever its framing', async () => {
  const shape = { headers: json('GetPipeline'), body: '{"name":"ok-a"}' };
  const announced = await talk((socket) => socket.write(head(shape, `content-length: ${11 * 1024 * 1024}`)));
  assert.equal(announced.status, 413);
  assert.match(announced.text, /"__type":"RequestEntityTooLargeException"/);
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  const chunked = await talk((socket) => {
    socket.write(head(shape, 'transfer-encoding: chunked'));
    const more = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on('drain', more);
    more();
  });
  assert.ok(isRefused(chunked), chunked.text);
  await isWell();
});

test('a stranger cannot make us read a large body', async () => {
  const unsigned = await talk((socket) =>
    socket.write(
      `POST / HTTP/1.1\r\nhost: ${url.host}\r\nx-amz-target: CodePipeline_20150709.GetPipeline\r\ncontent-length: 9000000\r\n\r\n`,
    ),
  );
  assert.equal(unsigned.status, 400);
  assert.match(unsigned.text, /MissingAuthenticationTokenException/);
  const form = await talk((socket) =>
    socket.write(
      `POST / HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 900000\r\n\r\n`,
    ),
  );
  assert.equal(form.status, 413);
});

test('an upload that waits with its body is refused without being asked for it', async () => {
  const upload: Shape = {
    method: 'PUT',
    path: '/closed/key',
    service: 's3',
    key: userKey,
    headers: { expect: '100-continue' },
  };
  const body = 'hello';
  const denied = await talk((socket) => socket.write(head({ ...upload, body })));
  assert.equal(denied.status, 403);
  assert.match(denied.text, /<Code>AccessDenied<\/Code>/);
  const allowed = await talk((socket) => {
    socket.write(head({ ...upload, key: rootKey, body }));
    socket.once('data', (data) => {
      assert.match(data.toString(), /^HTTP\/1\.1 100 Continue/);
      socket.end(body);
    });
  });
  assert.match(allowed.text, /\r\n\r\nHTTP\/1\.1 200 /);
});

test('broken and odd JSON is a SerializationException', async () => {
  for (const body of [
    '{',
    '[]',
    '"x"',
    'null',
    '{"name":5}',
    '{"name":{"a":1}}',
    '{"name":"\u0000',
    Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
    '['.repeat(200_000),
    '{"name":'.repeat(100_000),
  ]) {
    const answer = await ask({ headers: json('GetPipeline'), body });
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.text, /"__type":"SerializationException"/, body.toString().slice(0, 40));
  }
  for (const body of [
    '{"__proto__":{"name":"ok-a"}}',
    '{"constructor":{"prototype":{"name":"x"}}}',
    '{}',
    '{"name":null}',
  ]) {
    const answer = await ask({ headers: json('GetPipeline'), body });
    assert.match(answer.text, /"__type":"ValidationException"/, body);
  }
  await isWell();
});

test('broken, deep and expanding XML is MalformedXML', async () => {
  const entities = Array.from({ length: 20 }, (_, i) => `<!ENTITY e${i + 1} "${`&e${i};`.repeat(20)}">`).join(
    '',
  );
  const bodies = [
    '<Delete><Object>',
    '<Delete><Object><Key>a</Key></Object></Delet>',
    'Delete',
    `<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e0 "x">${entities}]><Delete><Object><Key>&e20;</Key></Object></Delete>`,
    '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&x;</Key></Object></Delete>',
    `<Delete>${'<a>'.repeat(50_000)}`,
    `<Delete ${'a="b" '.repeat(50_000)}/>`,
  ];
  const { createHash } = await import('node:crypto');
  for (const body of bodies) {
    const headers = { 'content-md5': createHash('md5').update(body).digest('base64') };
    const answer = await ask({ path: '/open?delete=', service: 's3', headers, body });
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.text, /<Code>MalformedXML<\/Code>/, body.slice(0, 60));
    assert.doesNotMatch(answer.text, /root:/);
  }
  await isWell();
});

test('forms with many or deep members are bounded', async () => {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  for (const body of [
    'Action=GetCallerIdentity&' + 'a=b&'.repeat(100_000),
    'Action=AssumeRole&RoleArn=x&Tags' + '.member.1'.repeat(10_000) + '.Key=x',
    'Action=AssumeRole&Tags.member.999999999.Key=x',
    'Action=%',
    'Action=' + 'A'.repeat(1_000_000),
    '&'.repeat(1_000_000),
  ]) {
    const answer = await ask({ service: 'sts', headers, body });
    assert.ok(answer.status === 200 || isRefused(answer), `${answer.status} for ${body.slice(0, 40)}`);
    assert.ok(answer.text.length < 5_000, 'a refusal must not repeat the request');
  }
  await isWell();
});

test('floods of headers and long lines are refused', async () => {
  const many = await talk((socket) =>
    socket.write(`GET / HTTP/1.1\r\nhost: ${url.host}\r\n${'a: b\r\n'.repeat(2_000)}\r\n`),
  );
  assert.equal(many.status, 431);
  const large = await talk((socket) =>
    socket.write(`GET / HTTP/1.1\r\nhost: ${url.host}\r\na: ${'b'.repeat(80_000)}\r\n\r\n`),
  );
  assert.equal(large.status, 431);
  const line = await talk((socket) =>
    socket.write(`GET /${'a'.repeat(100_000)} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`),
  );
  assert.equal(line.status, 431);
  await isWell();
});

test('what is not quite HTTP is refused', async () => {
  const host = `host: ${url.host}\r\n`;
  for (const text of [
    'nonsense\r\n\r\n',
    `GET / HTTP/9.9\r\n${host}\r\n`,
    'GET / HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.1\r\nhost: a/b c\r\n\r\n',
    `GET http://example.com/ HTTP/1.1\r\n${host}\r\n`,
    `OPTIONS * HTTP/1.1\r\n${host}\r\n`,
    `CONNECT example.com:80 HTTP/1.1\r\n${host}\r\n`,
    `POST / HTTP/1.1\r\n${host}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    `POST / HTTP/1.1\r\n${host}content-length: 3\r\ncontent-length: 4\r\n\r\nabcd`,
    `POST / HTTP/1.1\r\n${host}content-length: -1\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}a\u0000b: c\r\n\r\n`,
    '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001',
  ]) {
    const answer = await talk((socket) => socket.end(text));
    assert.ok(isRefused(answer), `${answer.status} for ${JSON.stringify(text.slice(0, 60))}`);
  }
  await isWell();
});

test('odd paths and queries reach nothing that they should not', async () => {
  for (const target of [
    '/..%2f..%2fetc/passwd',
    '/%00',
    '/%',
    '/%ff%fe',
    '//',
    '/a/../../_slipway/metrics',
    '/?%',
    `/?${'&'.repeat(30_000)}`,
    '/__proto__/constructor',
  ]) {
    const answer = await talk((socket) =>
      socket.write(`GET ${target} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`),
    );
    assert.ok(isRefused(answer), `${answer.status} for ${target.slice(0, 40)}`);
  }
  await isWell();
});

test('texts that trap regular expressions take no time', async () => {
  const trap = 'a'.repeat(30_000);
  const startedAt = performance.now();
  for (const headers of [
    { authorization: `AWS4-HMAC-SHA256 ${' '.repeat(30_000)}x` },
    {
      authorization: `AWS4-HMAC-SHA256 Credential=${'/'.repeat(15_000)}, SignedHeaders=${'a;'.repeat(100)}, Signature=x`,
    },
    {
      'x-amz-date': trap,
      authorization: 'AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request, SignedHeaders=host, Signature=x',
    },
    {
      date: `${' '.repeat(30_000)}x`,
      authorization: 'AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request, SignedHeaders=host, Signature=x',
    },
    { 'content-type': `application/x-www-form-urlencoded${' '.repeat(30_000)}x` },
    { 'x-amz-target': '.'.repeat(30_000) },
  ]) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const answer = await talk((socket) =>
      socket.write(`POST / HTTP/1.1\r\nhost: ${url.host}\r\n${lines.join('')}content-length: 0\r\n\r\n`),
    );
    assert.ok(isRefused(answer), answer.text.slice(0, 100));
  }
  for (const name of [trap, `${trap}!`, '-'.repeat(30_000)]) {
    const answer = await ask({ headers: json('GetPipeline'), body: JSON.stringify({ name }) });
    assert.match(answer.text, /"__type":"ValidationException"/);
  }
  assert.ok(performance.now() - startedAt < 5_000, `took ${performance.now() - startedAt} ms`);
});

test('clients that never finish their headers are cut off', async () => {
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      talk((socket) => socket.write(`GET / HTTP/1.1\r\nhost: ${url.host}\r\na: b`)),
    ),
  );
  for (const answer of answers) assert.ok(answer.status === 408 || answer.status === 0);
  await isWell();
});

test('memory stays flat under large, broken and endless requests at the same time', async () => {
  await isWell();
  const before = await residentBytes();
  const big = Buffer.alloc(9 * 1024 * 1024, '[');
  const shape: Shape = { headers: json('GetPipeline'), body: big };
  const endless = `POST / HTTP/1.1\r\nhost: ${url.host}\r\nx-amz-target: CodePipeline_20150709.GetPipeline\r\ntransfer-encoding: chunked\r\n\r\n`;
  let highest = before;
  for (let round = 0; round < 4; round++) {
    const answers = await Promise.all([
      ...Array.from({ length: 4 }, () => ask(shape)),
      ...Array.from({ length: 20 }, () =>
        talk((socket) => socket.write(endless + `fffff\r\n${'x'.repeat(0xfffff)}\r\n`)),
      ),
      ...Array.from({ length: 20 }, () => ask({ headers: json('GetPipeline'), body: '{"name":' })),
    ]);
    for (const answer of answers)
      assert.ok(isRefused(answer) || answer.status === 503, answer.text.slice(0, 200));
    highest = Math.max(highest, await residentBytes());
  }
  assert.ok(
    highest - before < GROWTH_BYTES_MAX,
    `grew by ${Math.round((highest - before) / 1024 / 1024)} MB`,
  );
  await isWell();
});

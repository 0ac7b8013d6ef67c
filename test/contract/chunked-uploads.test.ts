/**
 * Uploads in aws-chunked form, end to end: with unsigned trailers as boto3 and the AWS CLI send them over TLS (a plain
 * TLS tunnel stands in front of the gateway), and with signed chunks and signed trailers, written here from the protocol.
 */

import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { createServer, type Server } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';
import forge from 'node-forge';
import { formatTimestamp } from '#wire/sigv4-claim.ts';
import { createFakeHouse, rootKey, type FakeHouse } from '#test/support/fake-rooms.ts';
import { botoSkip, cliSkip, runBoto, runCli } from '#test/support/other-clients.ts';

let house: FakeHouse;
let tunnel: Server;
let tunnelUrl: string;

before(async () => {
  house = await createFakeHouse();
  const { hostname, port } = new URL(house.url);
  tunnel = createServer(createCertificate(), (socket) => {
    const inner = connect(Number(port), hostname);
    socket.pipe(inner).pipe(socket);
    socket.on('error', () => inner.destroy());
    inner.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => tunnel.listen(0, '127.0.0.1', resolve));
  tunnelUrl = `https://127.0.0.1:${(tunnel.address() as AddressInfo).port}`;
});
after(async () => {
  tunnel.close();
  await house.gateway.close(100);
});

function createCertificate(): { readonly key: string; readonly cert: string } {
  const keys = forge.pki.rsa.generateKeyPair(2048);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = keys.publicKey;
  certificate.serialNumber = '01';
  certificate.validity.notBefore = new Date(Date.now() - 60_000);
  certificate.validity.notAfter = new Date(Date.now() + 3_600_000);
  const name = [{ name: 'commonName', value: '127.0.0.1' }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.sign(keys.privateKey, forge.md.sha256.create());
  return { key: forge.pki.privateKeyToPem(keys.privateKey), cert: forge.pki.certificateToPem(certificate) };
}

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();

interface Upload {
  readonly key: string;
  readonly chunks: readonly Buffer[];
  readonly trailer?: string;
  /** Changes the body after it was signed. */
  readonly change?: (body: Buffer) => Buffer;
}

/** A PUT with signed chunks, as the API reference describes it. */
async function putSigned(upload: Upload): Promise<Response> {
  const { key, chunks, trailer } = upload;
  const timestamp = formatTimestamp(Date.now());
  const scope = `${timestamp.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const literal = `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer === undefined ? '' : '-TRAILER'}`;
  const headers: Record<string, string> = {
    'content-encoding': 'aws-chunked',
    host: new URL(house.url).host,
    'x-amz-content-sha256': literal,
    'x-amz-date': timestamp,
    'x-amz-decoded-content-length': String(chunks.reduce((sum, chunk) => sum + chunk.length, 0)),
    ...(trailer === undefined ? {} : { 'x-amz-trailer': 'x-amz-checksum-crc32' }),
  };
  const names = Object.keys(headers).sort();
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join('');
  const canonical = `PUT\n/open/${key}\n\n${lines}\n${names.join(';')}\n${literal}`;
  const day = hmac(`AWS4${rootKey.secretAccessKey}`, timestamp.slice(0, 8));
  const signingKey = hmac(hmac(hmac(day, 'us-east-1'), 's3'), 'aws4_request');
  const sign = (text: string) => hmac(signingKey, text).toString('hex');
  const signature = sign(`AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256(canonical)}`);
  const body: Buffer[] = [];
  let previous = signature;
  for (const chunk of [...chunks, Buffer.alloc(0)]) {
    const hashes = `${sha256('')}\n${sha256(chunk)}`;
    previous = sign(`AWS4-HMAC-SHA256-PAYLOAD\n${timestamp}\n${scope}\n${previous}\n${hashes}`);
    body.push(Buffer.from(`${chunk.length.toString(16)};chunk-signature=${previous}\r\n`), chunk);
    if (chunk.length > 0 || trailer === undefined) body.push(Buffer.from('\r\n'));
  }
  if (trailer !== undefined) {
    const line = `x-amz-checksum-crc32:${trailer}\n`;
    const text = `AWS4-HMAC-SHA256-TRAILER\n${timestamp}\n${scope}\n${previous}\n${sha256(line)}`;
    body.push(Buffer.from(`${line}x-amz-trailer-signature:${sign(text)}\r\n\r\n`));
  }
  const { host: _, ...sent } = headers;
  const authorization =
    `AWS4-HMAC-SHA256 Credential=${rootKey.accessKeyId}/${scope},` +
    `SignedHeaders=${names.join(';')},Signature=${signature}`;
  const whole = Buffer.concat(body);
  return fetch(`${house.url}/open/${key}`, {
    method: 'PUT',
    headers: { ...sent, authorization },
    body: new Uint8Array(upload.change?.(whole) ?? whole),
  });
}

function crc32Base64(data: Buffer): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(data));
  return bytes.toString('base64');
}

test('signed chunks are stored, with and without a signed trailer', async () => {
  const chunks = [Buffer.alloc(65_536, 'a'), Buffer.alloc(65_536, 'b'), Buffer.from('end')];
  const content = Buffer.concat(chunks);
  assert.equal((await putSigned({ key: 'signed', chunks })).status, 200);
  assert.deepEqual(house.objects.get('open/signed'), content);
  assert.equal((await putSigned({ key: 'trailer', chunks, trailer: crc32Base64(content) })).status, 200);
  assert.deepEqual(house.objects.get('open/trailer'), content);
  assert.equal((await putSigned({ key: 'empty', chunks: [] })).status, 200);
  assert.equal(house.objects.get('open/empty')?.length, 0);
});

test('signed chunks that were changed, cut or have a wrong trailer are not stored', async () => {
  const chunks = [Buffer.alloc(65_536, 'a'), Buffer.from('end')];
  const refused = async (upload: Partial<Upload>) => {
    const answer = await putSigned({ key: 'bad', chunks, ...upload });
    return [answer.status, /<Code>(\w+)<\/Code>/.exec(await answer.text())?.[1]];
  };
  const flip = (body: Buffer) =>
    Buffer.concat([body.subarray(0, 1000), Buffer.from('X'), body.subarray(1001)]);
  assert.deepEqual(await refused({ change: flip }), [403, 'SignatureDoesNotMatch']);
  assert.deepEqual(await refused({ change: (body) => body.subarray(0, -120) }), [400, 'IncompleteBody']);
  assert.deepEqual(await refused({ trailer: 'AAAAAA==' }), [400, 'BadDigest']);
  const swap = (body: Buffer) =>
    Buffer.from(body.toString('latin1').replace('crc32:AAAAAA==', 'crc32:BBBBBA=='), 'latin1');
  assert.deepEqual(await refused({ trailer: 'AAAAAA==', change: swap }), [403, 'SignatureDoesNotMatch']);
  assert.equal(house.objects.has('open/bad'), false);
});

test('boto3 over TLS streams with unsigned trailers of every algorithm', { skip: botoSkip }, async () => {
  const lines = await runBoto(
    tunnelUrl,
    rootKey,
    `
import io, warnings
warnings.filterwarnings('ignore')
s3 = boto3.client('s3', verify=False, config=Config(retries={'max_attempts': 0}))
seen = []
s3.meta.events.register('before-send.s3.PutObject', lambda request, **_: seen.append(request.headers['x-amz-content-sha256']))
for algorithm in ['CRC32', 'SHA1', 'SHA256']:
    attempt(lambda: s3.put_object(Bucket='open', Key='tls-' + algorithm, Body=io.BytesIO(b'tls' * 100000), ChecksumAlgorithm=algorithm))
print(json.dumps({'ok': ','.join(str(each.decode() if isinstance(each, bytes) else each) for each in seen)}))
`,
  );
  assert.deepEqual(
    lines.slice(0, 3).map(({ error }) => error),
    [undefined, undefined, undefined],
  );
  assert.equal(lines[3]?.ok, Array(3).fill('STREAMING-UNSIGNED-PAYLOAD-TRAILER').join(','));
  for (const algorithm of ['CRC32', 'SHA1', 'SHA256']) {
    assert.deepEqual(house.objects.get(`open/tls-${algorithm}`), Buffer.from('tls'.repeat(100_000)));
  }
});

test('the AWS CLI over TLS uploads too', { skip: cliSkip }, async () => {
  const name = new URL(import.meta.url).pathname;
  const put = ['s3api', 'put-object', '--bucket', 'open', '--key', 'cli', '--body', name, '--no-verify-ssl'];
  const result = await runCli(tunnelUrl, rootKey, ...put);
  assert.equal(result.code, 0, result.stderr);
  assert.match(house.objects.get('open/cli')?.toString() ?? '', /^\/\*\*\n \* Uploads in aws-chunked form/);
});

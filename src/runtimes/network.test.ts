/** What commands reach under each setting of the network, by both ways to make a sandbox, as root and as anybody. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseBuildNetwork } from './egress.ts';
import type { Runtime } from './runtime.ts';
import { createSandboxRuntime } from './sandbox.ts';

const LIMITS = {
  memoryBytes: 256 * 2 ** 20,
  cpus: 1,
  processes: 60,
  diskBytes: 40 * 2 ** 20,
  openFiles: 512,
  seconds: 60,
};
const data = mkdtempSync(join(tmpdir(), 'slipway-network-'));
const forever = new AbortController().signal;
const isRoot = process.getuid?.() === 0;

/** The endpoint, and a service beside it that no build should find. */
const endpoint = createServer((request, response) => response.end(`endpoint ${request.url}`));
const beside = createServer((request: IncomingMessage, response) => response.end(`beside ${request.url}`));
const portOf = (server: typeof endpoint) => (server.address() as AddressInfo).port;
before(async () => {
  for (const server of [endpoint, beside]) {
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  }
});
after(() => {
  for (const server of [endpoint, beside]) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(data, { recursive: true, force: true });
});

let count = 0;
/** What a script prints in a sandbox, without what failed. */
async function printed(runtime: Runtime, script: string, twice?: string): Promise<string> {
  const id = `net-${process.pid}-${++count}`;
  const directory = join(data, id);
  mkdirSync(directory);
  const plan = {
    id,
    directory,
    workspace: '/codebuild',
    limits: LIMITS,
    endpoint: `http://127.0.0.1:${portOf(endpoint)}`,
  };
  const sandbox = await runtime.open(plan);
  await sandbox.perform({ number: 1, heading: '', script }, forever);
  sandbox.release();
  if (twice !== undefined) {
    const again = await runtime.open(plan);
    await again.perform({ number: 2, heading: '', script: twice }, forever);
    again.release();
  }
  await runtime.kill(directory, 0);
  return readFileSync(sandbox.logFile, 'utf8');
}

/** A build's own servers are its own business. */
const LISTEN_INSIDE = `bash -c 'exec 3<>/dev/tcp/127.0.0.1/9' 2>/dev/null && echo wrong
  if command -v perl >/dev/null; then
    perl -MIO::Socket::INET -e '
      my $l = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => 5432) or die;
      if (fork) { my $c = $l->accept; print "heard ", scalar <$c>; }
      else { my $s = IO::Socket::INET->new("127.0.0.1:5432"); print $s "hello\\n"; }'
  fi`;

const get = (url: string) => `curl -s -m 5 ${url} && echo; `;
const direct = (url: string) => get(`--noproxy '*' ${url}`);

for (const isolation of ['bubblewrap', 'namespaces'] as const) {
  const shared = { directory: join(data, 'shared'), hidden: data, isolation };
  const withNetwork = (setting: string) =>
    createSandboxRuntime({ ...shared, network: parseBuildNetwork(setting) });
  const problem = await withNetwork('allow:').problem();
  describe(`the network of a sandbox made with ${isolation}`, { skip: problem && `wants ${problem}` }, () => {
    test('on is the network of the machine', async () => {
      const url = `http://127.0.0.1:${portOf(beside)}/x`;
      assert.equal(await printed(withNetwork('on'), get(url)), 'beside /x\n');
    });

    test('off is a loopback of its own and nothing else', async () => {
      const script = `
        ${direct(`http://127.0.0.1:${portOf(endpoint)}/a`)}
        ${direct(`http://127.0.0.1:${portOf(beside)}/b`)}
        env | grep -ci proxy
        ${LISTEN_INSIDE}
        exit 0`;
      assert.equal(await printed(withNetwork('off'), script), '0\nheard hello\n');
    });

    test('allow with nothing leads to the endpoint at its own address, and nowhere else', async () => {
      const address = outerAddress();
      const script = `
        ${direct(`http://127.0.0.1:${portOf(endpoint)}/a`)}
        ${direct(`http://localhost:${portOf(endpoint)}/b`)}
        ${direct(`http://127.0.0.1:${portOf(beside)}/c`)}
        ${address ? direct(`http://${address}:${portOf(beside)}/d`) : ''}
        ${direct('http://169.254.169.254/latest/meta-data/')}
        env | grep -ci proxy
        ${LISTEN_INSIDE}
        exit 0`;
      const expected = 'endpoint /a\nendpoint /b\n0\nheard hello\n';
      assert.equal(await printed(withNetwork('allow:'), script), expected);
    });

    test('the proxy leads to nobody at home, however it is asked', async () => {
      const { port } = beside.address() as AddressInfo;
      const hosts = ['127.0.0.1', 'localhost', '2130706433', '0x7f.1', '0', '[::1]', '[::ffff:127.0.0.1]'];
      const outer = outerAddress();
      const urls = [...hosts, ...(outer ? [outer] : [])].map((host) => `http://${host}:${port}/x`);
      urls.push('http://169.254.169.254/', 'http://[fd00:ec2::254]/', 'http://10.0.0.1:1/');
      const ask = (url: string) =>
        `curl -s -m 5 --noproxy '' -o /dev/null -w '%{http_code} ' ${url};` +
        `curl -s -m 5 --noproxy '' -p -o /dev/null -w '%{http_connect}\\n' ${url};`;
      const text = await printed(withNetwork('allow:public'), `${urls.map(ask).join('\n')} exit 0`);
      assert.match(text, /^((403|502) (403|502)\n)+$/);
      assert.equal(text.trim().split('\n').length, urls.length);
    });

    test('a loopback service that the operator lists is found at its own address', async () => {
      const runtime = withNetwork(`allow:127.0.0.1:${portOf(beside)}`);
      assert.equal(await printed(runtime, get(`http://127.0.0.1:${portOf(beside)}/y`)), 'beside /y\n');
    });

    test('an address that the operator lists is reached through the proxy, plain and by CONNECT', async (t) => {
      const address = outerAddress();
      if (!address) return t.skip('wants a network interface besides loopback');
      const url = `http://${address}:${portOf(beside)}/z`;
      const runtime = withNetwork(`allow:${address}`);
      assert.equal(await printed(runtime, get(url) + get(`-p ${url}`)), 'beside /z\nbeside /z\n');
    });

    test('whoever opens the sandbox again opens its doors again', async () => {
      const url = `http://127.0.0.1:${portOf(endpoint)}/again`;
      assert.equal(await printed(withNetwork('allow:'), 'true', get(url)), 'endpoint /again\n');
    });

    test('sockets without a file, which the network holds, are out of reach too', async () => {
      const name = `slipway-abstract-${process.pid}`;
      const listener = createNetServer().listen(`\0${name}`);
      await new Promise((resolve) => listener.once('listening', resolve));
      const script = `grep -c '@${name}' /proc/net/unix; exit 0`;
      assert.equal(await printed(withNetwork('allow:'), script), '0\n');
      assert.equal(await printed(withNetwork('on'), script), '1\n');
      listener.close();
    });

    test('a user who is not root has the same doors', { skip: isRoot ? false : 'wants root' }, () => {
      const folder = mkdtempSync(join(tmpdir(), 'slipway-net-nobody-'));
      const program = `
        const { createSandboxRuntime } = await import(${JSON.stringify(import.meta.resolve('./sandbox.ts'))});
        const { parseBuildNetwork } = await import(${JSON.stringify(import.meta.resolve('./egress.ts'))});
        import { mkdirSync, readFileSync } from 'node:fs';
        import { createServer } from 'node:http';
        const server = createServer((_request, response) => response.end('endpoint')).listen(0, '127.0.0.1');
        await new Promise((resolve) => server.once('listening', resolve));
        const url = 'http://127.0.0.1:' + server.address().port;
        const runtime = createSandboxRuntime({ directory: '${folder}/shared', hidden: '${folder}',
          isolation: '${isolation}', network: parseBuildNetwork('allow:public') });
        const problem = await runtime.problem();
        if (problem) { console.log('problem', problem); process.exit(); }
        mkdirSync('${folder}/one');
        const sandbox = await runtime.open({ id: 'net-nobody-${process.pid}-${isolation}', directory: '${folder}/one', workspace: '/codebuild', limits: ${JSON.stringify(LIMITS)}, endpoint: url });
        const script = 'curl -s --noproxy "*" ' + url + '; curl -s --noproxy "*" http://127.0.0.1:${portOf(beside)}; ' +
          'curl -s --noproxy "" -o /dev/null -w " %{http_code}" http://127.0.0.1:${portOf(beside)}';
        await sandbox.perform({ number: 1, heading: '', script }, new AbortController().signal);
        await runtime.kill('${folder}/one', 0);
        console.log(readFileSync(sandbox.logFile, 'utf8'));
        process.exit();`;
      spawnSync('chown', ['-R', '65534:65534', folder]);
      const command = [process.execPath, '--input-type=module-typescript', '-e', program];
      const result = spawnSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', ...command], {
        encoding: 'utf8',
      });
      rmSync(folder, { recursive: true, force: true });
      assert.equal(result.stdout, 'endpoint 403\n', result.stderr);
    });
  });
}

/** An address of this machine that is not loopback. */
function outerAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find((each) => each.family === 'IPv4' && !each.internal)?.address;
}

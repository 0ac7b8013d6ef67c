import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fault } from '#base/fault.ts';
import type { House } from '#services/service.ts';
import { identifyGit, parseBasic, signGit } from './credentials.ts';

const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const NOW = Date.UTC(2025, 0, 2, 3, 4, 5);
const proof = {
  timestamp: '20250102T030405',
  region: 'us-east-1',
  secretAccessKey: SECRET,
  path: '/v1/repos/MyDemoRepo',
};

test('passwords of access keys are signed as the test vectors say', () => {
  assert.equal(
    signGit({ ...proof, host: 'git-codecommit.us-east-1.amazonaws.com' }),
    'd52c7a1d86413bbeb9b00c0a30bbaf536a867c3d137fcfbc382057caf1704a62',
  );
  assert.equal(
    signGit({ ...proof, host: 'git.slipway.example' }),
    '72356526fd7e31928e21d5152ff6bd973270426fdf429b185d443b9511da54cd',
  );
});

test('Basic is split at its first colon', () => {
  const header = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  assert.deepEqual(parseBasic(header('dana:a:b')), { userName: 'dana', password: 'a:b' });
  assert.equal(parseBasic(header('nocolon')), undefined);
  assert.equal(parseBasic('Bearer x'), undefined);
  assert.equal(parseBasic(undefined), undefined);
});

/** A house that knows one temporary key. */
function houseAt(now: number): House {
  const some = {
    region: 'us-east-1',
    clock: { now: () => now, callAt: () => () => {} },
    trust: {
      async identify(accessKeyId: string, token: string | undefined) {
        const isKnown = accessKeyId === 'ASIAIOSFODNN7EXAMPLE' && token === 'to%ken/+=';
        if (!isKnown) throw fault('UnrecognizedClientException', 'The security token is invalid.');
        return { principal: { type: 'root', account: '123456789012' }, secretAccessKey: SECRET };
      },
    },
  };
  // Only these parts are asked for.
  return some as unknown as House;
}

test('a signed password counts for its host with or without port, its repository, its key and its quarter of an hour', async () => {
  const userName = 'ASIAIOSFODNN7EXAMPLE%to%ken/+=';
  const passwordFor = (host: string) => `20250102T030405Z${signGit({ ...proof, host })}`;
  const request = { host: 'localhost:7600', path: proof.path };
  const isIn = async (
    change: Partial<typeof request> & { userName?: string; password?: string; now?: number },
  ) => {
    const basic = {
      userName: change.userName ?? userName,
      password: change.password ?? passwordFor('localhost:7600'),
    };
    const principal = await identifyGit(houseAt(change.now ?? NOW), basic, { ...request, ...change });
    return principal !== undefined;
  };
  assert.ok(await isIn({}));
  assert.ok(await isIn({ password: passwordFor('localhost') }));
  assert.ok(await isIn({ now: NOW + 14 * 60_000 }));
  assert.ok(!(await isIn({ now: NOW + 16 * 60_000 })));
  assert.ok(!(await isIn({ now: NOW - 6 * 60_000 })));
  assert.ok(!(await isIn({ path: '/v1/repos/Other' })));
  assert.ok(!(await isIn({ password: passwordFor('elsewhere') })));
  assert.ok(!(await isIn({ password: 'nonsense' })));
  assert.ok(!(await isIn({ userName: 'ASIAIOSFODNN7EXAMPLE' })));
  assert.ok(!(await isIn({ userName: 'AKIAIOSFODNN7EXAMPLE' })));
});

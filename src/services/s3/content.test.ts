import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { House } from '#services/service.ts';
import { storeContent } from './content.ts';

const keys = { keyOf: () => Buffer.alloc(32), tagOf: (md5: string) => md5 };

function houseThatFails(code: string): House {
  const failure = Object.assign(new Error(code), { code });
  const objects: Partial<House['objects']> = {
    async put(content) {
      if (content instanceof Readable) content.destroy();
      throw failure;
    },
  };
  return { objects } as House;
}

test('a full disk is told to the caller in words, and any other failure stays a bug', async () => {
  const store = (code: string) =>
    storeContent(houseThatFails(code), keys, Buffer.from('x'), {}, new AbortController().signal);
  await assert.rejects(store('ENOSPC'), {
    code: 'ServiceUnavailable',
    status: 503,
    message: 'There is no room left where objects are stored. Nothing was kept.',
  });
  await assert.rejects(store('EIO'), { code: 'EIO' });
});

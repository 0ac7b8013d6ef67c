/**
 * Bodies that clients compress before they sign them, as the SDKs do with large metric data: what was signed is the
 * compressed body, what an operation reads is its content. AWS SDKs: "Request compression".
 */

import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { fault } from '#base/fault.ts';
import type { HttpRequest } from './http.ts';

const inflate = promisify(gunzip);

/** The content of a whole body, of at most `bytesMax`; only gzip is known, and any other coding is left as it is. */
export async function openContent(request: HttpRequest, body: Buffer, bytesMax: number): Promise<Buffer> {
  if (request.headers['content-encoding']?.trim().toLowerCase() !== 'gzip') return body;
  try {
    return await inflate(body, { maxOutputLength: bytesMax });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw fault(
        'RequestEntityTooLargeException',
        `The request body must not be larger than ${bytesMax} bytes.`,
      );
    }
    throw fault('SerializationException', 'The body is not what its Content-Encoding says.', { cause });
  }
}

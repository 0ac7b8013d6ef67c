/** The fake house as a process of its own, so that its memory can be watched; prints its URL. Arguments: headersMs. */

import { createFakeHouse } from './fake-rooms.ts';

const headersMs = Number(process.argv[2] ?? '20000');
const { url } = await createFakeHouse({ limits: { headersMs } });
process.stdout.write(`${url}\n`);

/** A deploy agent as a process of its own, for tests that kill it. */

import { runAgent } from '#agent/agent.ts';
import { createLog } from '#base/log.ts';

const { AGENT_ENDPOINT, AGENT_REGION, AGENT_ROOT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
const end = new AbortController();
process.once('SIGTERM', () => end.abort());

await runAgent({
  endpoint: AGENT_ENDPOINT ?? '',
  region: AGENT_REGION ?? '',
  root: AGENT_ROOT ?? '',
  credentials: { accessKeyId: AWS_ACCESS_KEY_ID ?? '', secretAccessKey: AWS_SECRET_ACCESS_KEY ?? '' },
  log: createLog((line) => process.stderr.write(`${line}\n`)),
  signal: end.signal,
});

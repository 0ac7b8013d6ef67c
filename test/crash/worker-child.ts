/**
 * A node in a process of its own, to be killed: `node worker-child.ts server|worker <data> <scratch> <database> <port>`.
 * The server leaves builds to the workers. Signs of life are quick, so that tests need not wait a minute. Says `ready`.
 */

import { createLog } from '#base/log.ts';
import { createSlipway } from '#slipway';

const [role, directory = '', scratch = '', databaseUrl = '', port = '0'] = process.argv.slice(2);
await createSlipway({
  directory,
  scratch,
  databaseUrl,
  host: '127.0.0.1',
  port: Number(port),
  account: '123456789012',
  region: 'us-east-1',
  runtime: 'sandbox',
  signsOfLife: { beatMs: 500, freshMs: 5_000, lostMs: 8_000 },
  ...(role === 'worker' ? { workerOf: `http://127.0.0.1:${port}`, builds: 2 } : { builds: 0 }),
  environment: {
    SLIPWAY_BUILD_NETWORK: 'on',
    SLIPWAY_ROOT_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
    SLIPWAY_ROOT_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  },
  log: createLog(
    (line) => process.stderr.write(`${line}\n`),
    process.env['SLIPWAY_LOG'] === 'info' ? 'info' : 'error',
  ),
});
process.stdout.write('ready\n');

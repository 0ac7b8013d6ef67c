/** A server in a process of its own, to be killed: `node build-child.ts <directory> <port>`. Says `ready` when it serves. */

import { createLog } from '#base/log.ts';
import { createSlipway } from '#slipway';

const dockerSocket = process.env['SLIPWAY_DOCKER_SOCKET'];
const [directory = '', port = '0'] = process.argv.slice(2);
await createSlipway({
  directory,
  host: '127.0.0.1',
  port: Number(port),
  account: '123456789012',
  region: 'us-east-1',
  runtime: dockerSocket ? 'docker' : 'sandbox',
  environment: {
    ...(dockerSocket ? { SLIPWAY_DOCKER_SOCKET: dockerSocket } : {}),
    SLIPWAY_ROOT_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
    SLIPWAY_ROOT_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  },
  log: createLog((line) => process.stderr.write(`${line}\n`), 'warn'),
});
process.stdout.write('ready\n');

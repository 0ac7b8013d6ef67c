/**
 * SSH public keys of users: kept, shown and checked, so that tools which manage them find what they stored. Git is served
 * over HTTPS only, so nobody can sign in with one. See "Set up SSH connections for CodeCommit".
 */

import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { createIamId } from '#base/chance.ts';
import { fault, type Fault } from '#base/fault.ts';
import type { Call, Operations } from '#services/service.ts';
import { findUser, quotaExceeded, userNameOf, type Iam } from './entities.ts';
import { pageOf } from './pages.ts';
import type { IamDatabase, SshKeyRow } from './tables.ts';

const KEYS_PER_USER_MAX = 5;
const BITS_MIN = 2048;
const KIND = 'ssh-rsa';

export function sshKeyOperations(iam: Iam) {
  return {
    async UploadSSHPublicKey(call, input) {
      const body = (input.SSHPublicKeyBody ?? '').trim();
      const blob = blobOf(body);
      const row = await iam.write(async (database) => {
        const user = await findUser(database, input.UserName ?? '');
        const others = await keysOf(database, user.id);
        if (others.some((other) => other.fingerprint === fingerprintOf(blob)))
          throw fault(
            'DuplicateSSHPublicKeyException',
            'The SSH public key is already associated with the user.',
          );
        if (others.length >= KEYS_PER_USER_MAX)
          throw quotaExceeded('SSHPublicKeysPerUser', KEYS_PER_USER_MAX);
        const made: SshKeyRow = {
          id: createIamId('APKA'),
          user_id: user.id,
          body: body.startsWith(KIND) ? body : `${KIND} ${blob.toString('base64')}`,
          fingerprint: fingerprintOf(blob),
          status: 'Active',
          created_at: call.at,
        };
        await database.insertInto('iam_ssh_keys').values(made).execute();
        return { user: user.name, made };
      });
      return { SSHPublicKey: view(row.user, row.made, row.made.body) };
    },

    async GetSSHPublicKey(call, input) {
      const { row, userName } = await findKey(iam.read(), call, input);
      const isPem = input.Encoding === 'PEM';
      const shown = isPem
        ? keyOf(blobOf(row.body)).export({ type: 'spki', format: 'pem' }).toString()
        : row.body;
      return { SSHPublicKey: view(userName, row, shown) };
    },

    async ListSSHPublicKeys(call, input) {
      const user = await findUser(iam.read(), userNameOf(call, input.UserName));
      const page = await pageOf(
        iam,
        `ssh:${user.id}`,
        input,
        await keysOf(iam.read(), user.id),
        (row) => row.id,
      );
      const keys = page.rows.map((row) => ({
        UserName: user.name,
        SSHPublicKeyId: row.id,
        Status: row.status,
        UploadDate: new Date(row.created_at),
      }));
      return { SSHPublicKeys: keys, ...page.members };
    },

    async UpdateSSHPublicKey(call, input) {
      const { Status: status } = input;
      if (status !== 'Active' && status !== 'Inactive')
        throw fault('ValidationException', 'Status must be Active or Inactive.');
      await iam.write(async (database) => {
        const { row } = await findKey(database, call, input);
        await database.updateTable('iam_ssh_keys').set({ status }).where('id', '=', row.id).execute();
      });
      return {};
    },

    async DeleteSSHPublicKey(call, input) {
      await iam.write(async (database) => {
        const { row } = await findKey(database, call, input);
        await database.deleteFrom('iam_ssh_keys').where('id', '=', row.id).execute();
      });
      return {};
    },
  } satisfies Partial<Operations<'iam'>>;
}

/** The key as SSH sends it, out of one line of SSH or out of PEM. */
function blobOf(body: string): Buffer {
  if (body.startsWith('-----BEGIN')) return blobOfPem(body);
  const [kind, text = ''] = body.split(/\s+/);
  if (kind !== KIND)
    throw fault('UnrecognizedPublicKeyEncodingException', 'The key is neither ssh-rsa nor PEM.');
  const blob = Buffer.from(text, 'base64');
  requireStrong(keyOf(blob));
  return blob;
}

function blobOfPem(pem: string): Buffer {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw invalid(cause);
  }
  requireStrong(key);
  const { n = '', e = '' } = key.export({ format: 'jwk' });
  const numbers = [e, n].map((text) => positive(Buffer.from(text, 'base64url')));
  return Buffer.concat([Buffer.from(KIND), ...numbers].map(withLength));
}

/** `string "ssh-rsa"`, `mpint e`, `mpint n` (RFC 4253, section 6.6). */
function keyOf(blob: Buffer): KeyObject {
  const parts: Buffer[] = [];
  for (let at = 0; at < blob.length && parts.length < 4;) {
    if (at + 4 > blob.length) throw invalid();
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) throw invalid();
    parts.push(blob.subarray(at + 4, end));
    at = end;
  }
  const [kind, e, n, more] = parts;
  if (kind?.toString('latin1') !== KIND || e === undefined || n === undefined || more !== undefined)
    throw invalid();
  try {
    const text = (number: Buffer) => number.toString('base64url');
    return createPublicKey({
      key: { kty: 'RSA', e: text(unsigned(e)), n: text(unsigned(n)) },
      format: 'jwk',
    });
  } catch (cause) {
    throw invalid(cause);
  }
}

function requireStrong(key: KeyObject): void {
  if (key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < BITS_MIN)
    throw invalid();
}

function invalid(cause?: unknown): Fault {
  return fault('InvalidPublicKeyException', `The public key is no RSA key of at least ${BITS_MIN} bits.`, {
    cause,
  });
}

/** Without the zero that keeps a number positive, and with it. */
const unsigned = (number: Buffer) => (number[0] === 0 ? number.subarray(1) : number);
const positive = (number: Buffer) =>
  (number[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.from([0]), number]) : number;

function withLength(part: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(part.length);
  return Buffer.concat([length, part]);
}

/** MD5, as IAM and SSH show keys to people. */
function fingerprintOf(blob: Buffer): string {
  return createHash('md5')
    .update(blob)
    .digest('hex')
    .replace(/..(?=.)/g, '$&:');
}

function keysOf(database: IamDatabase, userId: string): Promise<SshKeyRow[]> {
  return database.selectFrom('iam_ssh_keys').selectAll().where('user_id', '=', userId).execute();
}

async function findKey(
  database: IamDatabase,
  call: Call,
  input: { readonly UserName?: string | undefined; readonly SSHPublicKeyId: string | undefined },
): Promise<{ row: SshKeyRow; userName: string }> {
  const user = await findUser(database, userNameOf(call, input.UserName));
  const row = (await keysOf(database, user.id)).find(({ id }) => id === input.SSHPublicKeyId);
  if (row === undefined)
    throw fault('NoSuchEntityException', `The Public Key with id ${input.SSHPublicKeyId} cannot be found.`);
  return { row, userName: user.name };
}

function view(userName: string, row: SshKeyRow, body: string) {
  return {
    UserName: userName,
    SSHPublicKeyId: row.id,
    Fingerprint: row.fingerprint,
    SSHPublicKeyBody: body,
    Status: row.status,
    UploadDate: new Date(row.created_at),
  };
}

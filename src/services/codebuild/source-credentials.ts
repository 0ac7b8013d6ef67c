/**
 * Credentials for repositories of other providers: at most one for each kind of server and of credential, sealed where
 * it rests and never shown. Those that name a secret or a connection keep only its ARN.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/access-tokens.html
 */

import { arnOf } from '#base/arn.ts';
import { fault } from '#base/fault.ts';
import type { SourcePlan } from '#core/build/state.ts';
import type { Handler, House } from '#services/service.ts';
import type { Room } from './room.ts';
import { invalid } from './settings.ts';
import { tables, type SourceCredentialRow } from './tables.ts';

const PURPOSE = 'codebuild-source-credential';
const TOKEN_LENGTH_MAX = 10_000;
const POINTS: readonly string[] = ['CODECONNECTIONS', 'SECRETS_MANAGER'];

export function sourceCredentialOperations({ house }: Room) {
  const { database, keyring } = house;

  const ImportSourceCredentials: Handler<'codebuild', 'ImportSourceCredentials'> = async (call, input) => {
    const { serverType = '', authType = '', username, token = '', shouldOverwrite = true } = input;
    checkImport(serverType, authType, username, token);
    const arn = arnOf('codebuild', call.region, call.account, `token/${nameOf(serverType, authType)}`);
    const row: SourceCredentialRow = {
      arn,
      server_type: serverType,
      auth_type: authType,
      username: username ?? null,
      resource: POINTS.includes(authType) ? token : null,
      token: POINTS.includes(authType) ? null : keyring.seal(PURPOSE, token, arn),
    };
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const there = await rows
        .selectFrom('codebuild_source_credential')
        .select('arn')
        .where('arn', '=', arn)
        .executeTakeFirst();
      if (there && !shouldOverwrite) {
        throw fault('ResourceAlreadyExistsException', `Source credentials already exist: ${arn}`);
      }
      await rows.deleteFrom('codebuild_source_credential').where('arn', '=', arn).execute();
      await rows.insertInto('codebuild_source_credential').values(row).execute();
    });
    return { arn };
  };

  const ListSourceCredentials: Handler<'codebuild', 'ListSourceCredentials'> = async () => {
    const rows = await tables(database)
      .selectFrom('codebuild_source_credential')
      .selectAll()
      .orderBy('arn')
      .execute();
    return {
      sourceCredentialsInfos: rows.map((row) => ({
        arn: row.arn,
        serverType: row.server_type as 'GITHUB',
        authType: row.auth_type as 'OAUTH',
        ...(row.resource === null ? {} : { resource: row.resource }),
      })),
    };
  };

  const DeleteSourceCredentials: Handler<'codebuild', 'DeleteSourceCredentials'> = async (_call, input) => {
    const { arn = '' } = input;
    await database.transaction(async (transaction) => {
      const rows = tables(transaction);
      const there = await rows
        .selectFrom('codebuild_source_credential')
        .select('arn')
        .where('arn', '=', arn)
        .executeTakeFirst();
      if (!there) throw fault('ResourceNotFoundException', `Source credentials ${arn} do not exist`);
      await rows.deleteFrom('codebuild_source_credential').where('arn', '=', arn).execute();
    });
    return { arn };
  };

  return { ImportSourceCredentials, ListSourceCredentials, DeleteSourceCredentials };
}

function checkImport(
  serverType: string,
  authType: string,
  username: string | undefined,
  token: string,
): void {
  if (token.length > TOKEN_LENGTH_MAX)
    throw invalid(`The token is longer than ${TOKEN_LENGTH_MAX} characters`);
  switch (authType) {
    case 'OAUTH':
      throw invalid('Invalid auth type: OAUTH credentials cannot be imported');
    case 'BASIC_AUTH':
      if (serverType !== 'BITBUCKET') throw invalid(`Invalid auth type: BASIC_AUTH is not for ${serverType}`);
      if (!username) throw invalid('Invalid credentials: username is required for BASIC_AUTH');
      return;
    case 'PERSONAL_ACCESS_TOKEN':
      if (username !== undefined) throw invalid('Invalid credentials: username is only for BASIC_AUTH');
      return;
    default:
      if (!/^arn:[^:]+:[a-z-]+:[a-z0-9-]+:\d{12}:.+$/.test(token)) {
        throw invalid(`Invalid credentials: the token of ${authType} must be an ARN`);
      }
  }
}

/** The first kind has the plain name that AWS shows in its examples. */
function nameOf(serverType: string, authType: string): string {
  const server = serverType.toLowerCase();
  return authType === 'PERSONAL_ACCESS_TOKEN'
    ? server
    : `${server}-${authType.toLowerCase().replaceAll('_', '-')}`;
}

export interface GitLogin {
  readonly user: string;
  readonly password: string;
}

/** What a repository's own server is told; nothing for a public one, a name of a resource to be asked for a pointer. */
export type FoundCredential =
  | { readonly type: 'none' }
  | { readonly type: 'login'; readonly login: GitLogin }
  | { readonly type: 'secret' | 'connection'; readonly resource: string };

/** What the source itself names comes first, then what was imported for its provider. */
export async function findSourceCredential(house: House, source: SourcePlan): Promise<FoundCredential> {
  if (source.auth?.resource !== undefined && POINTS.includes(source.auth.type)) {
    return pointer(source.auth.type, source.auth.resource);
  }
  const rows = await tables(house.database)
    .selectFrom('codebuild_source_credential')
    .selectAll()
    .where('server_type', '=', source.type)
    .orderBy('arn')
    .execute();
  const row = rows.find((each) => each.token !== null) ?? rows[0];
  if (!row) return { type: 'none' };
  if (row.token === null) return pointer(row.auth_type, row.resource ?? '');
  const password = house.keyring.open(PURPOSE, row.token, row.arn).toString();
  return { type: 'login', login: { user: row.username ?? loginName(source.type), password } };
}

function pointer(type: string, resource: string): FoundCredential {
  return { type: type === 'SECRETS_MANAGER' ? 'secret' : 'connection', resource };
}

/** The user name that each provider wants beside an access token. */
export function loginName(serverType: string): string {
  if (serverType === 'BITBUCKET') return 'x-token-auth';
  return serverType.startsWith('GITLAB') ? 'oauth2' : 'x-access-token';
}

/**
 * OpenID Connect providers that the account trusts to name people: by URL, with the audiences that a token may be meant
 * for, and thumbprints of certificates for providers whose own the machine does not know. Making one asks nobody; the
 * provider is first visited when somebody comes with its token. See "Create an OpenID Connect (OIDC) identity provider".
 */

import { fault } from '#base/fault.ts';
import type { Operations } from '#services/service.ts';
import { quotaExceeded, type Iam } from './entities.ts';
import { pageOf } from './pages.ts';
import type { IamDatabase, OidcProviderRow } from './tables.ts';
import { dropTags, putTags, readTags } from './tags.ts';

const PROVIDERS_MAX = 100;
const CLIENT_IDS_MAX = 100;
const THUMBPRINTS_MAX = 5;
const SCHEME = 'https://';

export function identityProviderOperations(iam: Iam) {
  const { account } = iam.house;
  return {
    async CreateOpenIDConnectProvider(call, input) {
      const url = readUrl(input.Url ?? '');
      const row: OidcProviderRow = {
        arn: providerArn(account, url),
        url,
        client_ids: JSON.stringify(readClientIds(input.ClientIDList ?? [])),
        thumbprints: JSON.stringify(readThumbprints(input.ThumbprintList ?? [])),
        created_at: call.at,
      };
      await iam.write(async (database) => {
        const others = await database.selectFrom('iam_oidc_providers').select('arn').execute();
        if (others.some((other) => other.arn === row.arn)) {
          throw fault('EntityAlreadyExistsException', `Provider with url ${SCHEME}${url} already exists.`);
        }
        if (others.length >= PROVIDERS_MAX)
          throw quotaExceeded('OpenIdConnectProvidersPerAccount', PROVIDERS_MAX);
        await database.insertInto('iam_oidc_providers').values(row).execute();
        await putTags(database, row.arn, input.Tags);
      });
      const tags = await readTags(iam.read(), row.arn);
      return { OpenIDConnectProviderArn: row.arn, ...(tags.length > 0 && { Tags: tags }) };
    },

    async GetOpenIDConnectProvider(_call, input) {
      const row = await findProvider(iam.read(), input.OpenIDConnectProviderArn);
      return {
        Url: row.url,
        ClientIDList: readList(row.client_ids),
        ThumbprintList: readList(row.thumbprints),
        CreateDate: new Date(row.created_at),
        Tags: await readTags(iam.read(), row.arn),
      };
    },

    async ListOpenIDConnectProviders() {
      const rows = await iam.read().selectFrom('iam_oidc_providers').select('arn').orderBy('arn').execute();
      return { OpenIDConnectProviderList: rows.map(({ arn }) => ({ Arn: arn })) };
    },

    /** As on AWS, one that is not there is an error of nobody's. */
    async DeleteOpenIDConnectProvider(_call, input) {
      const arn = input.OpenIDConnectProviderArn ?? '';
      await iam.write(async (database) => {
        await database.deleteFrom('iam_tags').where('owner_id', '=', arn).execute();
        await database.deleteFrom('iam_oidc_providers').where('arn', '=', arn).execute();
      });
      return {};
    },

    async AddClientIDToOpenIDConnectProvider(_call, input) {
      const id = input.ClientID ?? '';
      await changeClientIds(iam, input.OpenIDConnectProviderArn, (ids) =>
        ids.includes(id) ? ids : [...ids, id],
      );
      return {};
    },

    async RemoveClientIDFromOpenIDConnectProvider(_call, input) {
      await changeClientIds(iam, input.OpenIDConnectProviderArn, (ids) =>
        ids.filter((id) => id !== input.ClientID),
      );
      return {};
    },

    async UpdateOpenIDConnectProviderThumbprint(_call, input) {
      const thumbprints = JSON.stringify(readThumbprints(input.ThumbprintList ?? []));
      await iam.write(async (database) => {
        const { arn } = await findProvider(database, input.OpenIDConnectProviderArn);
        await database
          .updateTable('iam_oidc_providers')
          .set({ thumbprints })
          .where('arn', '=', arn)
          .execute();
      });
      return {};
    },

    async TagOpenIDConnectProvider(_call, input) {
      await iam.write(async (database) =>
        putTags(database, (await findProvider(database, input.OpenIDConnectProviderArn)).arn, input.Tags),
      );
      return {};
    },

    async UntagOpenIDConnectProvider(_call, input) {
      await iam.write(async (database) =>
        dropTags(database, (await findProvider(database, input.OpenIDConnectProviderArn)).arn, input.TagKeys),
      );
      return {};
    },

    async ListOpenIDConnectProviderTags(_call, input) {
      const { arn } = await findProvider(iam.read(), input.OpenIDConnectProviderArn);
      const tags = await readTags(iam.read(), arn);
      const page = await pageOf(iam, `tags:${arn}`, input, tags, (tag) => tag.Key.toLowerCase());
      return { Tags: [...page.rows], ...page.members };
    },
  } satisfies Partial<Operations<'iam'>>;
}

/** `url` with or without its scheme. */
export function providerArn(account: string, url: string): string {
  return `arn:aws:iam::${account}:oidc-provider/${url.startsWith(SCHEME) ? url.slice(SCHEME.length) : url}`;
}

async function findProvider(database: IamDatabase, arn: string | undefined): Promise<OidcProviderRow> {
  const row = await database
    .selectFrom('iam_oidc_providers')
    .selectAll()
    .where('arn', '=', arn ?? '')
    .executeTakeFirst();
  if (row === undefined)
    throw fault('NoSuchEntityException', `OpenIDConnect Provider not found for arn ${arn}`);
  return row;
}

async function changeClientIds(
  iam: Iam,
  arn: string | undefined,
  change: (ids: readonly string[]) => readonly string[],
): Promise<void> {
  await iam.write(async (database) => {
    const row = await findProvider(database, arn);
    const client_ids = JSON.stringify(readClientIds(change(readList(row.client_ids))));
    await database.updateTable('iam_oidc_providers').set({ client_ids }).where('arn', '=', row.arn).execute();
  });
}

/** Host and path. Whatever else a URL can hold, tokens cannot be issued by it. */
function readUrl(given: string): string {
  const isHttps = given.startsWith(SCHEME) && URL.canParse(given);
  if (!isHttps || !/^https:\/\/[a-z0-9.-]+(:\d{1,5})?(\/[\w.~%/-]*)?$/.test(given)) {
    throw fault(
      'InvalidInputException',
      'The URL of a provider begins with https:// and has a host name in lower case, perhaps a port and a path, and nothing more.',
    );
  }
  return given.slice(SCHEME.length);
}

function readClientIds(ids: readonly string[]): readonly string[] {
  const different = [...new Set(ids)];
  if (different.length > CLIENT_IDS_MAX)
    throw quotaExceeded('ClientIdsPerOpenIdConnectProvider', CLIENT_IDS_MAX);
  return different;
}

function readThumbprints(given: readonly string[]): readonly string[] {
  if (given.length > THUMBPRINTS_MAX)
    throw fault(
      'InvalidInputException',
      `Thumbprint list must contain fewer than ${THUMBPRINTS_MAX} entries.`,
    );
  const wrong = given.find((one) => !/^[0-9a-fA-F]{40}$/.test(one));
  if (wrong !== undefined) throw fault('InvalidInputException', `${wrong} is not a SHA-1 thumbprint.`);
  return given.map((one) => one.toLowerCase());
}

/** Written by us. */
function readList(text: string): string[] {
  return JSON.parse(text) as string[];
}

/**
 * RegisterWebhookWithThirdParty and its opposite: GitHub is told, with the token of the target action, to call the
 * webhook's URL. What went wrong stays noted on the webhook.
 */

import { fault } from '#base/fault.ts';
import type { Call, Handler } from '#services/service.ts';
import { GITHUB_API, GithubFailed, registerHook, removeHook, type GithubRepository } from './github-hooks.ts';
import { findDeclaration, findPipeline, type Room } from './room.ts';
import { unsealConfiguration } from './secrets.ts';
import type { WebhookRow } from './trigger-tables.ts';
import { noteError, noteHealthy, requireWebhook, secretOf } from './webhook-rows.ts';
import { urlOf } from './webhooks.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

/** `githubApi` is the operator's, where it is not GitHub's own. */
export function webhookRegistrationOperations(room: Room, githubApi = GITHUB_API) {
  const { house } = room;

  const RegisterWebhookWithThirdParty: Codepipeline<'RegisterWebhookWithThirdParty'> = async (
    call,
    input,
  ) => {
    await tell(call, input.webhookName, (row, repository, url) =>
      registerHook(githubApi, repository, url, secretOf(house, row)),
    );
    return {};
  };

  const DeregisterWebhookWithThirdParty: Codepipeline<'DeregisterWebhookWithThirdParty'> = async (
    call,
    input,
  ) => {
    await tell(call, input.webhookName, (_row, repository, url) => removeHook(githubApi, repository, url));
    return {};
  };

  const tell = async (
    call: Call,
    name: string | undefined,
    run: (row: WebhookRow, repository: GithubRepository, url: string) => Promise<void>,
  ): Promise<void> => {
    const row = await requireWebhook(house, name);
    try {
      await run(row, await repositoryOf(row), urlOf(house, call, row));
    } catch (error) {
      if (!(error instanceof GithubFailed)) throw error;
      await noteError(house, row, 'ThirdPartyError', error.message);
      throw fault('ValidationException', error.message, { cause: error });
    }
    await noteHealthy(house, row);
  };

  const repositoryOf = async (row: WebhookRow): Promise<GithubRepository> => {
    const pipeline = await findPipeline(house, row.pipeline);
    const declaration = pipeline && (await findDeclaration(house, pipeline.pipeline_id, pipeline.version));
    const action = declaration?.stages[0]?.actions.find((candidate) => candidate.name === row.action);
    const { owner, provider } = action?.actionTypeId ?? {};
    if (!action || owner !== 'ThirdParty' || provider !== 'GitHub') {
      throw fault(
        'ValidationException',
        `The target of the webhook '${row.name}' is not a source action of the provider GitHub, and only GitHub can be told`,
      );
    }
    const { Owner = '', Repo = '', OAuthToken = '' } = unsealConfiguration(house, action.configuration);
    return { owner: Owner, name: Repo, token: OAuthToken };
  };

  return { RegisterWebhookWithThirdParty, DeregisterWebhookWithThirdParty };
}

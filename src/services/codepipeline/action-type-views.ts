/** Action types between AWS's shapes and ours. Pure. */

import type {
  ActionConfigurationProperty,
  ActionType as ActionTypeView,
  ActionTypeDeclaration,
} from '@aws-sdk/client-codepipeline';
import type { ActionProperty, ActionType, TypeSettings } from '#core/pipeline/definition/catalogue.ts';
import { DAY_MS } from '#core/pipeline/definition/catalogue-type.ts';
import type { InputOf } from '#services/clients.ts';

/** A worker may take a day for a custom action. */
const CUSTOM_TIMEOUT_MS = DAY_MS;
/** The longest that a declaration can ask for. */
const JOB_TIMEOUT_SECONDS = 43_200;

export function viewActionType({ id, settings, properties, inputs, outputs }: ActionType): ActionTypeView {
  return {
    id: { ...id } as ActionTypeView['id'],
    settings: { ...settings },
    actionConfigurationProperties: properties.map(viewProperty),
    inputArtifactDetails: { minimumCount: inputs.min, maximumCount: inputs.max },
    outputArtifactDetails: { minimumCount: outputs.min, maximumCount: outputs.max },
  };
}

const PROPERTY_TYPES: Readonly<Record<string, ActionConfigurationProperty['type']>> = {
  string: 'String',
  number: 'Number',
  boolean: 'Boolean',
};

export function viewProperty(property: ActionProperty): ActionConfigurationProperty {
  const { name, required, secret, key = true, queryable = false, description, type } = property;
  return { name, required, key, secret, queryable, description, type: PROPERTY_TYPES[type] ?? 'String' };
}

export function customTypeOf(input: InputOf<'codepipeline', 'CreateCustomActionType'>): ActionType {
  const { category = '', provider = '', version = '', settings } = input;
  return {
    id: { category, owner: 'Custom', provider, version },
    properties: (input.configurationProperties ?? []).map(propertyOf),
    inputs: boundsOf(input.inputArtifactDetails),
    outputs: boundsOf(input.outputArtifactDetails),
    timeoutMs: CUSTOM_TIMEOUT_MS,
    settings: settingsOf({ ...settings }),
  };
}

function propertyOf(given: ActionConfigurationProperty): ActionProperty {
  const { name = '', required = false, secret = false, key = true, queryable = false, description } = given;
  const type = given.type === 'Number' ? 'number' : given.type === 'Boolean' ? 'boolean' : 'string';
  return {
    name,
    required,
    secret,
    key,
    queryable,
    type,
    ...(description === undefined ? {} : { description }),
  };
}

/** A type of the integration model, as far as pipelines and jobs ask. */
export function registeredTypeOf(declaration: ActionTypeDeclaration): ActionType {
  const { category = '', owner = '', provider = '', version = '' } = declaration.id ?? {};
  const { configurationUrl, ...urls } = declaration.urls ?? {};
  return {
    id: { category, owner, provider, version },
    properties: (declaration.properties ?? []).map((property) =>
      propertyOf({ ...property, required: !property.optional, secret: property.noEcho }),
    ),
    inputs: boundsOf(declaration.inputArtifactDetails),
    outputs: boundsOf(declaration.outputArtifactDetails),
    timeoutMs: (declaration.executor?.jobTimeout ?? JOB_TIMEOUT_SECONDS) * 1_000,
    settings: settingsOf({ ...urls, thirdPartyConfigurationUrl: configurationUrl }),
  };
}

function settingsOf(given: { readonly [Name in keyof TypeSettings]: string | undefined }): TypeSettings {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function boundsOf(
  details: { minimumCount?: number | undefined; maximumCount?: number | undefined } | undefined,
) {
  return { min: details?.minimumCount ?? 0, max: details?.maximumCount ?? 0 };
}

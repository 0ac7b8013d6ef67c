/**
 * Variables whose values lie in Parameter Store or Secrets Manager: asked for under the build's role, and masked from
 * then on wherever they could be shown.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.env
 */

import { isFault } from '#base/fault.ts';
import type { Buildspec } from '#core/buildspec/buildspec.ts';
import {
  parseSecretReference,
  valueInSecret,
  type SecretReference,
} from '#core/buildspec/secret-reference.ts';
import { PhaseFailure, type Bench } from './bench.ts';
import { rememberSecrets, SECRET_LENGTH_MIN } from './secrets.ts';

/** What GetParameters takes at once. */
const PARAMETERS_AT_ONCE = 10;

type Names = ReadonlyMap<string, string>;

/** Values by variable, only of variables that the project does not set in another way. */
export async function resolveValues(bench: Bench, spec: Buildspec): Promise<ReadonlyMap<string, string>> {
  const own = bench.plan.environment.variables;
  const isFree = (name: string) => !own.some((each) => each.name === name);
  const of = (type: string, ofSpec: Readonly<Record<string, string>>): Names =>
    new Map([
      ...Object.entries(ofSpec).filter(([name]) => isFree(name)),
      ...own.filter((each) => each.type === type).map(({ name, value }) => [name, value] as const),
    ]);
  const parameters = of('PARAMETER_STORE', spec.environment.parameterStore);
  const secrets = of('SECRETS_MANAGER', spec.environment.secretsManager);
  const values = new Map<string, string>();
  const secret: string[] = [];
  const plain: string[] = [];
  if (parameters.size > 0) {
    bench.say('Decrypting parameter store environment variables');
    for (const [name, { value, isSecure }] of await readParameters(bench, parameters)) {
      values.set(name, value);
      (isSecure ? secret : plain).push(value);
    }
  }
  if (secrets.size > 0) {
    bench.say('Decrypting secrets manager environment variables');
    for (const [name, value] of await readSecretValues(bench, secrets)) {
      values.set(name, value);
      secret.push(value);
    }
  }
  rememberSecrets(bench, secret, plain);
  for (const [name, value] of values) {
    if (value.length < SECRET_LENGTH_MIN)
      bench.say(`Warning: the value of ${name} is too short to be masked`);
  }
  return values;
}

interface ParameterValue {
  readonly value: string;
  readonly isSecure: boolean;
}

async function readParameters(bench: Bench, names: Names): Promise<Map<string, ParameterValue>> {
  const refuse = (message: string) => new PhaseFailure('Decrypted Variables Error', message);
  const wanted = [...new Set(names.values())];
  if (wanted.includes('')) throw refuse('the name of a parameter is empty');
  const found = new Map<string, ParameterValue>();
  const role = await bench.role();
  for (let i = 0; i < wanted.length; i += PARAMETERS_AT_ONCE) {
    try {
      const { Parameters = [], InvalidParameters = [] } = await role.send('ssm:GetParameters', {
        Names: wanted.slice(i, i + PARAMETERS_AT_ONCE),
        WithDecryption: true,
      });
      if (InvalidParameters.length > 0)
        throw refuse(`parameter does not exist: ${InvalidParameters.join(', ')}`);
      for (const { Name = '', ARN = '', Selector = '', Value: value = '', Type } of Parameters) {
        const parameter = { value, isSecure: Type === 'SecureString' };
        // Of a name with a selector and the name alone, each is asked for as it was written.
        for (const name of [`${Name}${Selector}`, `${ARN}${Selector}`]) found.set(name, parameter);
      }
    } catch (error) {
      if (isFault(error)) throw refuse(`${error.code}: ${error.message}`);
      throw error;
    }
  }
  return new Map(
    [...names].map(([variable, parameter]) => {
      const value = found.get(parameter);
      if (value === undefined) throw refuse(`parameter does not exist: ${parameter}`);
      return [variable, value];
    }),
  );
}

async function readSecretValues(bench: Bench, references: Names): Promise<Map<string, string>> {
  const refuse = (message: string) => new PhaseFailure('Secrets Manager Error', message);
  /** Several keys of one secret are one question. */
  const asked = new Map<string, string>();
  const values = new Map<string, string>();
  for (const [variable, text] of references) {
    const reference = parseSecretReference(text);
    if (!reference) throw refuse(`${text} is no reference to a secret`);
    const name = JSON.stringify([reference.id, reference.stage, reference.version]);
    const secret = asked.get(name) ?? (await readSecret(bench, reference, refuse));
    asked.set(name, secret);
    const value = reference.key === undefined ? secret : valueInSecret(secret, reference.key);
    if (value === undefined) throw refuse(`the secret ${reference.id} has no key ${reference.key}`);
    values.set(variable, value);
  }
  return values;
}

/** The text of a secret; `refuse` makes the failure of the caller's own kind. */
export async function readSecret(
  bench: Bench,
  { id, stage, version }: SecretReference,
  refuse: (message: string) => PhaseFailure,
): Promise<string> {
  const role = await bench.role();
  try {
    const { SecretString } = await role.send('secretsmanager:GetSecretValue', {
      SecretId: id,
      ...(stage === undefined ? {} : { VersionStage: stage }),
      ...(version === undefined ? {} : { VersionId: version }),
    });
    if (SecretString === undefined) throw refuse(`the secret ${id} is not a text`);
    return SecretString;
  } catch (error) {
    if (isFault(error)) throw refuse(`${error.code}: ${error.message}`);
    throw error;
  }
}

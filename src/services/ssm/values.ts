/** What a parameter's value may be: its size by tier, its type, its data type, and the pattern that it must match. */

import { RE2JS, RE2JSException } from 're2js';
import { fault } from '#base/fault.ts';
import { invalid } from './room.ts';

const STANDARD_BYTES_MAX = 4096;
const ADVANCED_BYTES_MAX = 8192;
const IMAGE = /^ami-(?:[0-9a-f]{8}|[0-9a-f]{17})$/;

export type Tier = 'Standard' | 'Advanced';

export function checkValue(type: string, dataType: string, value: string): void {
  if (value === '') {
    throw invalid(
      "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1",
    );
  }
  if (value.includes('{{') && value.indexOf('}}', value.indexOf('{{')) > 0) {
    throw invalid("Parameter value can't nest another parameter. Do not use '{{}}' in the value.");
  }
  if (type === 'StringList' && value.split(',').some((item) => item === '')) {
    throw invalid(
      'Parameter value of the type StringList must be items separated by commas, none of them empty.',
    );
  }
  switch (dataType) {
    case 'text':
      return;
    case 'aws:ec2:image':
      if (type !== 'String')
        throw invalid('The data type aws:ec2:image is only for parameters of the type String.');
      if (!IMAGE.test(value))
        throw invalid('A value of the data type aws:ec2:image must be the id of an image.');
      return;
    default:
      throw invalid(
        `The following data type is not supported: ${dataType} (Data type names are all lowercase.)`,
      );
  }
}

/** Throws unless the value matches the pattern, if there is one; in linear time, whatever the pattern. */
export function checkPattern(pattern: string, value: string): void {
  if (pattern === '') return;
  if (isMatch(pattern, value)) return;
  const message = `Parameter value, cannot be validated against allowedPattern: ${pattern}`;
  throw fault('ParameterPatternMismatchException', message);
}

function isMatch(pattern: string, value: string): boolean {
  try {
    return RE2JS.compile(pattern).matcher(value).matches();
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    const message = `The regular expression ${pattern} cannot be used: ${error.message}`;
    throw fault('InvalidAllowedPatternException', message);
  }
}

/** A parameter never gets back from the advanced tier, for it could not keep what it has. */
export function chooseTier(
  wanted: string | undefined,
  before: string | undefined,
  value: string,
  hasPolicies: boolean,
): Tier {
  const bytes = Buffer.byteLength(value);
  const needsAdvanced = bytes > STANDARD_BYTES_MAX || hasPolicies;
  if (wanted === 'Standard' && before === 'Advanced') {
    throw invalid(
      "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.",
    );
  }
  const isAdvanced =
    wanted === 'Advanced' || before === 'Advanced' || (wanted === 'Intelligent-Tiering' && needsAdvanced);
  if (!isAdvanced && hasPolicies) {
    throw invalid('Parameter policies are only for parameters of the advanced tier.');
  }
  const bytesMax = isAdvanced ? ADVANCED_BYTES_MAX : STANDARD_BYTES_MAX;
  if (bytes > bytesMax) {
    const hint = isAdvanced
      ? ''
      : ' To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.';
    const tier = isAdvanced ? 'Advanced' : 'Standard';
    throw invalid(
      `${tier} tier parameters support a maximum parameter value of ${bytesMax} characters.${hint}`,
    );
  }
  return isAdvanced ? 'Advanced' : 'Standard';
}

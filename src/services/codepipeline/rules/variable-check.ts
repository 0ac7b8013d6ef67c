/**
 * The VariableCheck rule: compares a resolved variable with a value. MATCHES takes a whole-string regular expression
 * in Java's syntax as far as it can be matched in linear time: no look-around, no back-references.
 * AWS: "VariableCheck" rule reference.
 */

import type { EvaluateRule } from '#core/pipeline/orders.ts';
import type { Rule, RuleOutcome } from './rule.ts';

const SHOWN_LENGTH_MAX = 200;

export const variableCheck: Rule = {
  evaluate: (_acting, order) => check(order),
};

async function check({ configuration }: EvaluateRule): Promise<RuleOutcome> {
  const { Variable = '', Value = '', Operator = '' } = configuration;
  const summary = `${shown(Variable)} ${Operator} ${shown(Value)}`;
  const decided = (isMet: boolean): RuleOutcome => ({ type: isMet ? 'RuleMet' : 'RuleUnmet', summary });
  switch (Operator) {
    case 'EQ':
      return decided(Variable === Value);
    case 'NE':
      return decided(Variable !== Value);
    case 'CONTAINS':
      return decided(Variable.includes(Value));
    case 'MATCHES':
      return matches(Variable, Value, decided);
    default:
      return errored(`The operator ${shown(Operator)} is not one of EQ, NE, CONTAINS and MATCHES`);
  }
}

async function matches(
  text: string,
  pattern: string,
  decided: (isMet: boolean) => RuleOutcome,
): Promise<RuleOutcome> {
  // Loaded with the first expression: few pipelines have one.
  const { RE2JS } = await import('re2js');
  try {
    return decided(RE2JS.compile(pattern).matches(text));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return errored(`The expression ${shown(pattern)} cannot be used: ${why}`);
  }
}

function errored(message: string): RuleOutcome {
  return { type: 'RuleErrored', code: 'ConfigurationError', message };
}

function shown(text: string): string {
  return `'${text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text}'`;
}

/**
 * ListActionTypes and ListRuleTypes: what a declaration may name. Types of providers that have no room here are listed
 * too, since they may be declared; their actions fail when they run. Both answers fit on one page.
 */

import type { RuleType as RuleTypeView } from '@aws-sdk/client-codepipeline';
import { fault } from '#base/fault.ts';
import { ACTION_TYPES } from '#core/pipeline/definition/catalogue.ts';
import { RULE_TYPES } from '#core/pipeline/definition/catalogue-rules.ts';
import type { RuleType } from '#core/pipeline/definition/catalogue-type.ts';
import type { Handler } from '#services/service.ts';
import { viewActionType, viewProperty } from './action-type-views.ts';
import { listCustomActionTypes } from './action-types.ts';
import type { Room } from './room.ts';

type Codepipeline<Operation extends string> = Handler<'codepipeline', Operation>;

export function typeOperations({ house }: Room) {
  /** Types exist where their actions can run, which is in the house's own region. */
  const isElsewhere = (region: string | undefined) => region !== undefined && region !== house.region;

  const ListActionTypes: Codepipeline<'ListActionTypes'> = async (_call, input) => {
    if (input.nextToken !== undefined) {
      throw fault('InvalidNextTokenException', 'The next token is not valid for this list');
    }
    if (isElsewhere(input.regionFilter)) return { actionTypes: [] };
    const all = [...ACTION_TYPES, ...(await listCustomActionTypes(house))];
    const owner = input.actionOwnerFilter;
    const types = owner === undefined ? all : all.filter((type) => type.id.owner === owner);
    return { actionTypes: types.map(viewActionType) };
  };

  const ListRuleTypes: Codepipeline<'ListRuleTypes'> = async (_call, input) => {
    if (isElsewhere(input.regionFilter)) return { ruleTypes: [] };
    const owner = input.ruleOwnerFilter;
    const types = owner === undefined ? RULE_TYPES : RULE_TYPES.filter((type) => type.id.owner === owner);
    return { ruleTypes: types.map(viewRuleType) };
  };

  return { ListActionTypes, ListRuleTypes };
}

function viewRuleType({ id, settings, properties, inputs }: RuleType): RuleTypeView {
  return {
    id: { ...id } as RuleTypeView['id'],
    settings: { ...settings },
    ruleConfigurationProperties: properties.map(viewProperty),
    inputArtifactDetails: { minimumCount: inputs.min, maximumCount: inputs.max },
  };
}

/** Event selectors between the API's form and ours. What a trail would be asked for and could not do is refused. */

import type { AdvancedEventSelector, AdvancedFieldSelector, EventSelector } from '@aws-sdk/client-cloudtrail';
import { fault } from '#base/fault.ts';
import {
  DATA_TYPE,
  type AdvancedSelector,
  type BasicSelector,
  type FieldSelector,
  type Selectors,
} from '#core/trail/selectors.ts';
import type { InputOf } from '#services/clients.ts';

const BASIC_MAX = 5;
const DATA_VALUES_MAX = 250;
const ADVANCED_VALUES_MAX = 500;
const FIELDS = ['eventCategory', 'eventName', 'eventSource', 'readOnly', 'resources.type', 'resources.ARN'];

export function readSelectors(input: InputOf<'cloudtrail', 'PutEventSelectors'>): Selectors {
  const { EventSelectors: basic, AdvancedEventSelectors: advanced } = input;
  if ((basic === undefined) === (advanced === undefined)) {
    throw refused('Either event selectors or advanced event selectors must be given.');
  }
  if (basic) {
    if (basic.length > BASIC_MAX) throw refused(`A trail has at most ${BASIC_MAX} event selectors.`);
    return { type: 'basic', selectors: basic.map(readBasic) };
  }
  const selectors = (advanced ?? []).map(readAdvanced);
  const values = selectors.flatMap(({ fields }) =>
    fields.flatMap((field) => Object.values(field).flat()),
  ).length;
  if (values > ADVANCED_VALUES_MAX)
    throw refused(`A trail has at most ${ADVANCED_VALUES_MAX} values and conditions.`);
  return { type: 'advanced', selectors };
}

export function basicView(selector: BasicSelector): EventSelector {
  return {
    ReadWriteType: selector.readWriteType,
    IncludeManagementEvents: selector.includeManagementEvents,
    DataResources: selector.dataResources.map(({ type, values }) => ({ Type: type, Values: [...values] })),
    ExcludeManagementEventSources: [...selector.excludeManagementEventSources],
  };
}

export function advancedView({ name, fields }: AdvancedSelector): AdvancedEventSelector {
  return { ...(name !== undefined && { Name: name }), FieldSelectors: fields.map(fieldView) };
}

function readBasic(given: EventSelector): BasicSelector {
  const dataResources = (given.DataResources ?? []).map(({ Type: type = '', Values: values = [] }) => ({
    type,
    values,
  }));
  for (const { type, values } of dataResources) {
    checkType(type);
    if (values.length > DATA_VALUES_MAX)
      throw refused(`A selector has at most ${DATA_VALUES_MAX} data resources.`);
    const wrong = values.find((value) => value !== 'arn:aws:s3' && !value.startsWith('arn:aws:s3:::'));
    if (wrong !== undefined) throw refused(`Value ${wrong.slice(0, 256)} for ${type} is invalid.`);
  }
  return {
    readWriteType: given.ReadWriteType ?? 'All',
    includeManagementEvents: given.IncludeManagementEvents ?? true,
    dataResources,
    excludeManagementEventSources: given.ExcludeManagementEventSources ?? [],
  };
}

function readAdvanced(given: AdvancedEventSelector): AdvancedSelector {
  const fields = (given.FieldSelectors ?? []).map(readField);
  const category = fields.find(({ field }) => field === 'eventCategory')?.equals ?? [];
  if (category.length !== 1 || (category[0] !== 'Management' && category[0] !== 'Data')) {
    throw refused('Each selector needs the field eventCategory, equal to Management or Data.');
  }
  if (category[0] === 'Data') {
    const types = fields.find(({ field }) => field === 'resources.type')?.equals ?? [];
    if (types.length !== 1) throw refused('A selector of data events needs one resources.type.');
    checkType(types[0] ?? '');
  }
  return { name: given.Name, fields };
}

function readField(given: AdvancedFieldSelector): FieldSelector {
  const { Field: field = '' } = given;
  if (!FIELDS.includes(field))
    throw refused(`Selecting by the field ${field.slice(0, 100)} is not supported.`);
  return {
    field,
    equals: given.Equals,
    startsWith: given.StartsWith,
    endsWith: given.EndsWith,
    notEquals: given.NotEquals,
    notStartsWith: given.NotStartsWith,
    notEndsWith: given.NotEndsWith,
  };
}

function fieldView(selector: FieldSelector): AdvancedFieldSelector {
  const { field, equals, startsWith, endsWith, notEquals, notStartsWith, notEndsWith } = selector;
  return {
    Field: field,
    ...(equals && { Equals: [...equals] }),
    ...(startsWith && { StartsWith: [...startsWith] }),
    ...(endsWith && { EndsWith: [...endsWith] }),
    ...(notEquals && { NotEquals: [...notEquals] }),
    ...(notStartsWith && { NotStartsWith: [...notStartsWith] }),
    ...(notEndsWith && { NotEndsWith: [...notEndsWith] }),
  };
}

function checkType(type: string): void {
  if (type === DATA_TYPE) return;
  throw refused(`Slipway records no data events of ${type.slice(0, 100)}; it records those of ${DATA_TYPE}.`);
}

function refused(message: string) {
  return fault('InvalidEventSelectorsException', message);
}

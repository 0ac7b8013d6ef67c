/**
 * Which events a trail wants: basic and advanced event selectors, as one question. Pure. See "Logging management events"
 * and "Logging data events" in the CloudTrail user guide.
 */

export interface EventFacts {
  readonly category: 'Management' | 'Data';
  readonly source: string;
  readonly name: string;
  readonly readOnly: boolean;
  readonly arns: readonly string[];
}

export interface BasicSelector {
  readonly readWriteType: 'All' | 'ReadOnly' | 'WriteOnly';
  readonly includeManagementEvents: boolean;
  /** ARNs, or beginnings of them. */
  readonly dataResources: readonly { readonly type: string; readonly values: readonly string[] }[];
  readonly excludeManagementEventSources: readonly string[];
}

export interface FieldSelector {
  readonly field: string;
  readonly equals?: readonly string[] | undefined;
  readonly startsWith?: readonly string[] | undefined;
  readonly endsWith?: readonly string[] | undefined;
  readonly notEquals?: readonly string[] | undefined;
  readonly notStartsWith?: readonly string[] | undefined;
  readonly notEndsWith?: readonly string[] | undefined;
}

export interface AdvancedSelector {
  readonly name: string | undefined;
  readonly fields: readonly FieldSelector[];
}

export type Selectors =
  | { readonly type: 'basic'; readonly selectors: readonly BasicSelector[] }
  | { readonly type: 'advanced'; readonly selectors: readonly AdvancedSelector[] };

/** The only contents whose events are recorded so far. */
export const DATA_TYPE = 'AWS::S3::Object';
const DATA_SOURCE = 's3.amazonaws.com';

export const DEFAULT_SELECTORS: Selectors = {
  type: 'basic',
  selectors: [
    {
      readWriteType: 'All',
      includeManagementEvents: true,
      dataResources: [],
      excludeManagementEventSources: [],
    },
  ],
};

export function selects(selectors: Selectors, event: EventFacts): boolean {
  if (event.category === 'Data' && event.source !== DATA_SOURCE) return false;
  return selectors.type === 'basic'
    ? selectors.selectors.some((selector) => selectsBasic(selector, event))
    : selectors.selectors.some((selector) => selector.fields.every((field) => matches(field, event)));
}

/** Whether data events can be wanted at all, which is asked for each of them. */
export function wantsData(selectors: Selectors): boolean {
  return selectors.type === 'basic'
    ? selectors.selectors.some(({ dataResources }) => dataResources.length > 0)
    : selectors.selectors.some(({ fields }) =>
        fields.some(({ field, equals }) => field === 'eventCategory' && equals?.includes('Data')),
      );
}

function selectsBasic(selector: BasicSelector, event: EventFacts): boolean {
  const { readWriteType } = selector;
  if (readWriteType !== 'All' && (readWriteType === 'ReadOnly') !== event.readOnly) return false;
  if (event.category === 'Management') {
    return selector.includeManagementEvents && !selector.excludeManagementEventSources.includes(event.source);
  }
  return selector.dataResources.some(({ values }) => values.some((value) => isBelow(event.arns, value)));
}

/** A listing is about its bucket, and a selector for all objects of the bucket means it too. */
function isBelow(arns: readonly string[], value: string): boolean {
  return arns.some((arn) => arn.startsWith(value) || `${arn}/`.startsWith(value));
}

function matches(selector: FieldSelector, event: EventFacts): boolean {
  const values = valuesOf(selector.field, event);
  const { equals, startsWith, endsWith, notEquals, notStartsWith, notEndsWith } = selector;
  const some = (wanted: readonly string[] | undefined, test: (value: string, other: string) => boolean) =>
    wanted === undefined || values.some((value) => wanted.some((other) => test(value, other)));
  const none = (wanted: readonly string[] | undefined, test: (value: string, other: string) => boolean) =>
    wanted === undefined || !values.some((value) => wanted.some((other) => test(value, other)));
  const isSame = (value: string, other: string) => value === other;
  const begins = (value: string, other: string) => value.startsWith(other);
  const ends = (value: string, other: string) => value.endsWith(other);
  return (
    some(equals, isSame) &&
    some(startsWith, begins) &&
    some(endsWith, ends) &&
    none(notEquals, isSame) &&
    none(notStartsWith, begins) &&
    none(notEndsWith, ends)
  );
}

function valuesOf(field: string, event: EventFacts): readonly string[] {
  switch (field) {
    case 'eventCategory':
      return [event.category];
    case 'eventSource':
      return [event.source];
    case 'eventName':
      return [event.name];
    case 'readOnly':
      return [String(event.readOnly)];
    case 'resources.type':
      return event.category === 'Data' ? [DATA_TYPE] : [];
    case 'resources.ARN':
      return event.arns;
    default:
      return [];
  }
}

/** A target of a rule, as deliveries keep it: where an event goes, under whom, in what form, and how stubbornly. */

export interface RuleTarget {
  readonly id: string;
  readonly arn: string;
  readonly roleArn?: string;
  readonly input?: TargetInput;
  /** Attempts after the first one. */
  readonly retriesMax: number;
  readonly ageSecondsMax: number;
  /** A queue for events that could not be delivered. */
  readonly deadLetterArn?: string;
  /** For a FIFO queue. */
  readonly messageGroupId?: string;
}

/** What the target gets instead of the event. */
export type TargetInput =
  | { readonly type: 'constant'; readonly text: string }
  | { readonly type: 'path'; readonly path: string }
  | {
      readonly type: 'template';
      readonly paths: Readonly<Record<string, string>>;
      readonly template: string;
    };

export interface RuleName {
  readonly name: string;
  readonly arn: string;
}

/** AWS: "Event retry policy and using dead-letter queues". */
export const RETRIES_DEFAULT = 185;
export const AGE_SECONDS_DEFAULT = 86_400;

/** How a lifecycle event ended on this host, in the numbers of the agents' protocol. */

export interface Outcome {
  readonly errorCode: ErrorCode;
  readonly scriptName: string;
  readonly message: string;
  /** The end of the event's log. */
  readonly log: string;
}

export const ERROR = {
  success: 0,
  scriptMissing: 1,
  scriptNotExecutable: 2,
  scriptTimedOut: 3,
  scriptFailed: 4,
  unknown: 5,
  interrupted: 7,
} as const;
export type ErrorCode = (typeof ERROR)[keyof typeof ERROR];

/** What ends an event before its end; everything else that is thrown is reported as unknown, with its message. */
export class EventFailure extends Error {
  override readonly name = 'EventFailure';
  readonly errorCode: ErrorCode;
  readonly scriptName: string;

  constructor(message: string, errorCode: ErrorCode = ERROR.unknown, scriptName = '') {
    super(message);
    this.errorCode = errorCode;
    this.scriptName = scriptName;
  }
}

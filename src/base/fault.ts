/**
 * A fault is what AWS would answer: an error code of the service's model (or a common one), a message for
 * the caller, and any further members the error shape has. `wire/` finds the HTTP status in the model table.
 * Faults are the only errors that reach a caller as they are; everything else becomes InternalFailure.
 */

export interface FaultOptions {
  /** Further members of the error shape, by their modelled names. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** HTTP status, only for codes that the service's model does not list. */
  readonly status?: number;
  readonly cause?: unknown;
}

export class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: string;
  readonly members: Readonly<Record<string, unknown>>;
  readonly status: number | undefined;

  constructor(code: string, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.members = options.members ?? {};
    this.status = options.status;
  }
}

/** `throw fault('PipelineNotFoundException', '…')` */
export function fault(code: string, message: string, options?: FaultOptions): Fault {
  return new Fault(code, message, options);
}

export function isFault(error: unknown, code?: string): error is Fault {
  return error instanceof Fault && (code === undefined || error.code === code);
}

/** An event of a log as it rests, and its place in the one order that all readers see: time, stream, sequence. Pure. */

/** Place of an event. Within a stream, sequences grow by one in the order in which events came in. */
export interface Place {
  readonly at: number;
  readonly streamId: number;
  readonly sequence: number;
}

export interface LogEvent extends Place {
  readonly ingestedAt: number;
  readonly message: string;
}

export function comparePlaces(a: Place, b: Place): number {
  return a.at - b.at || a.streamId - b.streamId || a.sequence - b.sequence;
}

/**
 * A page of events out of chunks that come one after the other and may overlap in time. It holds no more than twice what
 * it gives, whatever it is shown. Pure.
 *
 *   add(events of a chunk) … isFull(where the next chunk begins)? … close(where the next chunk begins)
 *
 * Chunks are shown in the order of their ends that come first on the way: of a chunk that was not shown yet, no event
 * stands before its `bound`, so all that stand before it are certain.
 */

import { comparePlaces, type LogEvent, type Place } from './event.ts';
import { EVENT_OVERHEAD_BYTES } from './sizes.ts';

export interface PageLimits {
  readonly isForward: boolean;
  readonly eventsMax: number;
  readonly bytesMax: number;
  readonly bytesOf: (message: string) => number;
}

export interface Page {
  /** Whether an event at this place could still be on the page, so that others need not be made. */
  takes(place: Place): boolean;
  add(events: Iterable<LogEvent>): void;
  /** Whether the page would not hold all that is certain before `bound`. */
  isFull(bound: Place): boolean;
  close(bound: Place | undefined): ClosedPage;
}

export interface ClosedPage {
  /** In the order of time, also when the page was read backward. */
  readonly events: readonly LogEvent[];
  /** The first place on the way that the page does not speak of; `undefined` when there is none. */
  readonly edge: Place | undefined;
}

export function createPage({ isForward, eventsMax, bytesMax, bytesOf }: PageLimits): Page {
  let held: LogEvent[] = [];
  let heldBytes = 0;
  let edge: Place | undefined;
  const compare = (a: Place, b: Place) => (isForward ? comparePlaces(a, b) : comparePlaces(b, a));
  const sizeOf = (event: LogEvent) => bytesOf(event.message) + EVENT_OVERHEAD_BYTES;
  const isBefore = (event: Place, bound: Place | undefined) =>
    bound === undefined || compare(event, bound) < 0;

  /** Keeps what comes first, as much as a page takes; the first that it drops is the edge. */
  function trim(): void {
    held.sort(compare);
    heldBytes = 0;
    const end = held.findIndex((event, i) => {
      heldBytes += sizeOf(event);
      return i > 0 && (i >= eventsMax || heldBytes > bytesMax);
    });
    if (end < 0) return;
    edge = held[end];
    held = held.slice(0, end);
    heldBytes = held.reduce((sum, event) => sum + sizeOf(event), 0);
  }

  const takes = (place: Place) => isBefore(place, edge);

  return {
    takes,
    add(events) {
      for (const event of events) {
        if (!takes(event)) continue;
        held.push(event);
        heldBytes += sizeOf(event);
      }
      if (held.length >= 2 * eventsMax || heldBytes >= 2 * bytesMax) trim();
    },
    isFull(bound) {
      if (edge && compare(edge, bound) <= 0) return true;
      if (held.length < eventsMax && heldBytes < bytesMax) return false;
      let [count, bytes] = [0, 0];
      for (const event of held) {
        if (!isBefore(event, bound)) continue;
        count++;
        bytes += sizeOf(event);
      }
      return count >= eventsMax || bytes > bytesMax;
    },
    close(bound) {
      held = held.filter((event) => isBefore(event, bound));
      trim();
      const events = isForward ? held : held.toReversed();
      return { events, edge: edge && isBefore(edge, bound) ? edge : bound };
    },
  };
}

/** The machine of deliveries: what `core/event-delivery` decides, done in the world. */

import { parseArn } from '#base/arn.ts';
import { fault, isFault } from '#base/fault.ts';
import { deliveryDecider } from '#core/event-delivery/decide.ts';
import { inputFor } from '#core/event-delivery/input.ts';
import type { Delivery, DeliveryEffect, DeliveryEvent, DeliveryState } from '#core/event-delivery/state.ts';
import type { Json } from '#core/event-pattern/match.ts';
import type { Perform } from '#engine/machine.ts';
import { acceptEvent, type Envelope } from './accepting.ts';
import { busArn } from './names.ts';
import { noTarget, refusalOf } from './refusals.ts';
import { requireBus, type Room } from './room.ts';
import { callerFor, queueUrl, sendToTarget } from './senders.ts';

type Handler<Type extends DeliveryEffect['type']> = Perform<
  Extract<DeliveryEffect, { readonly type: Type }>,
  DeliveryEvent
>;

/** `room` is asked only when an effect is performed, by when it is complete. */
export function createDeliveries(room: () => Room): Room['deliveries'] {
  const Deliver: Handler<'Deliver'> = async ({ index, attempt }, { machineId }) => {
    const found = await find(room(), machineId, index);
    // A worker that lost its lease comes late; somebody else has done this.
    if (found?.delivery.status !== 'sending' || found.delivery.attempts !== attempt) return undefined;
    try {
      await deliver(room(), found.state, found.delivery);
      return { type: 'Delivered', index, attempt };
    } catch (error) {
      const refusal = refusalOf(error);
      const { rule } = found.state;
      const target = found.delivery.target.arn;
      room().house.log.warn('a target did not take an event', { rule: rule.arn, target, attempt, error });
      return { type: 'DeliveryRefused', index, attempt, ...refusal };
    }
  };

  const DeadLetter: Handler<'DeadLetter'> = async ({ index }, { machineId }) => {
    const found = await find(room(), machineId, index);
    if (found?.delivery.status !== 'dead-lettering') return undefined;
    try {
      await sendDeadLetter(room(), found.state, found.delivery);
      return { type: 'DeadLettered', index };
    } catch (error) {
      if (isFault(error) && refusalOf(error).isPassing) throw error;
      const { error: reason } = refusalOf(error);
      room().house.log.error('an event is lost to its target and to its dead-letter queue', {
        machineId,
        error,
      });
      return { type: 'DeadLetterRefused', index, message: reason.message };
    }
  };

  const Forget: Handler<'Forget'> = async (_effect, { machineId }) => {
    const { house, deliveries } = room();
    await house.engine.forget(deliveries, machineId);
    return undefined;
  };

  return {
    kind: 'events.delivery',
    decider: deliveryDecider,
    effects: { Deliver, DeadLetter, Forget },
  };
}

interface Found {
  readonly state: DeliveryState;
  readonly delivery: Delivery;
}

async function find(
  { house, deliveries }: Room,
  machineId: string,
  index: number,
): Promise<Found | undefined> {
  const state = await house.engine.read(deliveries, machineId);
  const delivery = state?.deliveries[index];
  return state && delivery && { state, delivery };
}

async function deliver(room: Room, state: DeliveryState, { target }: Delivery): Promise<void> {
  const { rule, event } = state;
  const input = inputFor(target.input, { event, rule, acceptedAt: state.acceptedAt });
  if (parseArn(target.arn)?.service === 'events') return passToBus(room, state, target, input);
  const { id } = JSON.parse(event) as { id: string };
  await sendToTarget(room.house, { rule, target, input, eventId: id, at: state.acceptedAt });
}

/** The event keeps its id, so that a circle of buses ends where it began. */
async function passToBus(
  room: Room,
  { rule, event }: DeliveryState,
  target: Delivery['target'],
  input: string,
): Promise<void> {
  const { house } = room;
  const name = /^event-bus\/(.+)$/.exec(parseArn(target.arn)?.resource ?? '')?.[1];
  if (name === undefined || busArn(house, name) !== target.arn) throw noTarget(target.arn);
  if (target.input && input !== event) {
    throw fault('ValidationException', 'A bus takes events as they are, without an input of its own.');
  }
  const { principal } = await callerFor(house, { rule, target });
  // A rule of the account may fill the account's own buses; a role may if its policies say so.
  if (target.roleArn !== undefined) {
    await house.trust.authorize(principal, [{ action: 'events:PutEvents', resource: target.arn }]);
  }
  await requireBus(house.database, name);
  const json = JSON.parse(event) as { readonly id: string; readonly time: string } & Record<string, Json>;
  const envelope: Envelope = { id: json.id, text: event, json, at: Date.parse(json.time) };
  await acceptEvent(room, name, envelope);
}

/** AWS: "Using dead-letter queues": the event as it was, and why it is there, as attributes. */
async function sendDeadLetter(room: Room, { rule, event }: DeliveryState, delivery: Delivery): Promise<void> {
  const { target, attempts, error, exhausted } = delivery;
  const queue = parseArn(target.deadLetterArn ?? '');
  const { house } = room;
  if (queue?.service !== 'sqs' || queue.region !== house.region || queue.account !== house.account) {
    throw noTarget(target.deadLetterArn ?? '');
  }
  const attributes: Readonly<Record<string, string | undefined>> = {
    RULE_ARN: rule.arn,
    TARGET_ARN: target.arn,
    ERROR_CODE: error?.code,
    ERROR_MESSAGE: error?.message,
    RETRY_ATTEMPTS: String(attempts - 1),
    EXHAUSTED_RETRY_CONDITION: exhausted,
  };
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined && value !== '');
  await house.asService('events', rule.arn).send('sqs:SendMessage', {
    QueueUrl: queueUrl(house, queue.resource),
    MessageBody: event,
    MessageAttributes: Object.fromEntries(
      given.map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
    ),
  });
}

/**
 * A manual approval that names a notification topic. The question itself is in the machine; here only the message
 * would be sent, and as long as the house has no topics to send it to, the action says so in its summary.
 */

import type { Action } from './action.ts';

export const approval: Action = {
  start(_acting, order) {
    const { CustomData, NotificationArn } = order.configuration;
    const notice = `no notification was sent to ${NotificationArn}: this Slipway has no notification service`;
    return Promise.resolve({
      type: 'ActionStarted',
      summary: CustomData === undefined ? notice : `${CustomData} (${notice})`,
    });
  },
};

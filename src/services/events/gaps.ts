/** What AWS's EventBridge has and this room has not, by reason. */

import { gap } from '#services/service.ts';

const destinations = gap('events do not leave the house over HTTP; a target is a service of the house');
const endpoints = gap('there is one region, so nothing to fail over to');
const partners = gap('there are no partners that send events');

export const gaps = {
  CreateApiDestination: destinations,
  DeleteApiDestination: destinations,
  DescribeApiDestination: destinations,
  ListApiDestinations: destinations,
  UpdateApiDestination: destinations,
  CreateConnection: destinations,
  DeauthorizeConnection: destinations,
  DeleteConnection: destinations,
  DescribeConnection: destinations,
  ListConnections: destinations,
  UpdateConnection: destinations,
  CreateEndpoint: endpoints,
  DeleteEndpoint: endpoints,
  DescribeEndpoint: endpoints,
  ListEndpoints: endpoints,
  UpdateEndpoint: endpoints,
  ActivateEventSource: partners,
  CreatePartnerEventSource: partners,
  DeactivateEventSource: partners,
  DeletePartnerEventSource: partners,
  DescribeEventSource: partners,
  DescribePartnerEventSource: partners,
  ListEventSources: partners,
  ListPartnerEventSourceAccounts: partners,
  ListPartnerEventSources: partners,
  PutPartnerEvents: partners,
};

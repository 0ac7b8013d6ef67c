/** What CloudTrail offers beyond the history of events and trails, and why it is not here. */

import { gap } from '#services/service.ts';

const lake = gap(
  'CloudTrail Lake (event data stores, queries, imports, dashboards) is not supported; trails deliver files',
);
const channels = gap('events of other systems are not taken in, so there are no channels');
const insights = gap('unusual activity is not analysed, so there are no Insights');
const enrichment = gap('records hold no resource tags and no condition keys besides their own members');
const organization = gap('there is one account, and no organization above it');

export const gaps = {
  CancelQuery: lake,
  CreateChannel: channels,
  CreateDashboard: lake,
  CreateEventDataStore: lake,
  DeleteChannel: channels,
  DeleteDashboard: lake,
  DeleteEventDataStore: lake,
  DeleteResourcePolicy: lake,
  DeregisterOrganizationDelegatedAdmin: organization,
  DescribeQuery: lake,
  DisableFederation: lake,
  EnableFederation: lake,
  GenerateQuery: lake,
  GetChannel: channels,
  GetDashboard: lake,
  GetEventConfiguration: enrichment,
  GetEventDataStore: lake,
  GetImport: lake,
  GetInsightSelectors: insights,
  GetQueryResults: lake,
  GetResourcePolicy: lake,
  ListChannels: channels,
  ListDashboards: lake,
  ListEventDataStores: lake,
  ListImportFailures: lake,
  ListImports: lake,
  ListInsightsData: insights,
  ListInsightsMetricData: insights,
  ListQueries: lake,
  PutEventConfiguration: enrichment,
  PutInsightSelectors: insights,
  PutResourcePolicy: lake,
  RegisterOrganizationDelegatedAdmin: organization,
  RestoreEventDataStore: lake,
  SearchSampleQueries: lake,
  StartDashboardRefresh: lake,
  StartEventDataStoreIngestion: lake,
  StartImport: lake,
  StartQuery: lake,
  StopEventDataStoreIngestion: lake,
  StopImport: lake,
  UpdateChannel: channels,
  UpdateDashboard: lake,
  UpdateEventDataStore: lake,
} as const;

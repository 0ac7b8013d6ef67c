/** What AWS's CloudWatch has and this room has not, by reason. */

import { gap } from '#services/service.ts';

const dashboards = gap('dashboards are not part of this product');
const anomalies = gap('there is no anomaly detection');
const insights = gap('there are no Contributor Insights rules');
const streams = gap('metrics do not leave the house; read them, or scrape /_slipway/metrics');
const muting = gap('alarms are muted by switching off their actions');
const enrichment = gap('there is no OpenTelemetry collection');
const datasets = gap('metrics are kept in the database of the house, encrypted as that is');
const resources = gap('only services of the house have metrics of their own, always');

export const gaps = {
  DeleteDashboards: dashboards,
  GetDashboard: dashboards,
  GetMetricWidgetImage: dashboards,
  ListDashboards: dashboards,
  PutDashboard: dashboards,
  DeleteAnomalyDetector: anomalies,
  DescribeAnomalyDetectors: anomalies,
  PutAnomalyDetector: anomalies,
  DeleteInsightRules: insights,
  DescribeInsightRules: insights,
  DisableInsightRules: insights,
  EnableInsightRules: insights,
  GetInsightRuleReport: insights,
  ListManagedInsightRules: insights,
  PutInsightRule: insights,
  PutManagedInsightRules: insights,
  DeleteMetricStream: streams,
  GetMetricStream: streams,
  ListMetricStreams: streams,
  PutMetricStream: streams,
  StartMetricStreams: streams,
  StopMetricStreams: streams,
  DeleteAlarmMuteRule: muting,
  GetAlarmMuteRule: muting,
  ListAlarmMuteRules: muting,
  PutAlarmMuteRule: muting,
  GetOTelEnrichment: enrichment,
  StartOTelEnrichment: enrichment,
  StopOTelEnrichment: enrichment,
  UpdateOTelEnrichment: enrichment,
  GetDataset: datasets,
  GetResourceMetricsConfiguration: resources,
  UpdateResourceMetricsConfiguration: resources,
  PutLogAlarm: gap('alarms watch metrics, not log groups'),
  AssociateDatasetKmsKey: datasets,
  DisassociateDatasetKmsKey: datasets,
  CreateResourceMetricsConfiguration: resources,
  DeleteResourceMetricsConfiguration: resources,
} as const;

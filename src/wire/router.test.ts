/** The decision table of one endpoint, row by row. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpRequest } from './http.ts';
import { isRejection, operationOfForm, routeRequest, routeUnsignedForm } from './router.ts';
import type { Rejection, Route } from './router.ts';

const HOSTS = ['localhost', 's3.slipway.test', 'slipway.test'];
const FORM = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };

function request(method: string, target: string, headers: Record<string, string> = {}): HttpRequest {
  return { method, target, headers, rawHeaders: [], secure: false };
}

function routed(routing: Route | Rejection): Route {
  assert.ok(!isRejection(routing), 'must be routed');
  return routing;
}

function rejected(routing: Route | Rejection): {
  protocol: string;
  code: string;
  status: number | undefined;
} {
  assert.ok(isRejection(routing), 'must be rejected');
  return { protocol: routing.protocol, code: routing.fault.code, status: routing.fault.status };
}

function storage(method: string, target: string, headers: Record<string, string> = {}): string {
  const routing = routeRequest(request(method, target, headers), 's3', HOSTS);
  if (isRejection(routing)) return routing.fault.code;
  return [routing.operation, routing.labels['Bucket'], routing.labels['Key']].filter(Boolean).join(' ');
}

test('the target header names service and operation, split at its last dot', () => {
  const target = 'com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents';
  assert.deepEqual(routeRequest(request('POST', '/', { 'x-amz-target': target }), 'cloudtrail'), {
    service: 'cloudtrail',
    protocol: 'json',
    operation: 'LookupEvents',
    labels: {},
  });
});

test('the host agent may use both of its prefixes and both of its signing names', () => {
  for (const [prefix, name] of [
    ['CodeDeployCommandService_v20141006', 'codedeploy-commands'],
    ['CodeDeployCommandService', 'codedeploy-commands-secure'],
  ]) {
    const routing = routeRequest(request('POST', '/', { 'x-amz-target': `${prefix}.PollHostCommand` }), name);
    assert.equal(routed(routing).service, 'codedeploy-commands');
  }
});

test('a target that disagrees with the scope of the signature is rejected', () => {
  const headers = { 'x-amz-target': 'CodePipeline_20150709.GetPipeline' };
  const expected = { protocol: 'json', code: 'UnknownOperationException', status: 404 };
  assert.deepEqual(rejected(routeRequest(request('POST', '/', headers), 'codebuild')), expected);
  assert.deepEqual(rejected(routeRequest(request('POST', '/', headers), 's3')), expected);
});

test('a target that nobody has is rejected, and so is one without a dot', () => {
  for (const target of ['DynamoDB_20120810.GetItem', 'GetPipeline', '', '__proto__.x']) {
    const routing = routeRequest(request('POST', '/', { 'x-amz-target': target }), undefined);
    assert.equal(rejected(routing).code, 'UnknownOperationException');
  }
});

test('a protocol that is not spoken here is rejected before anything else', () => {
  const headers = { 'smithy-protocol': 'rpc-v2-cbor', 'x-amz-target': 'CodePipeline_20150709.GetPipeline' };
  const named = '/service/CodePipeline_20150709/operation/GetPipeline';
  assert.equal(rejected(routeRequest(request('POST', named, headers), 'codepipeline')).status, 415);
  const other = { 'smithy-protocol': 'rpc-v2-json' };
  assert.equal(rejected(routeRequest(request('POST', named, other), 'codepipeline')).status, 415);
});

test('a service of several protocols takes each request in the one that it speaks', () => {
  const rows = [
    ['json', request('POST', '/', { 'x-amz-target': 'GraniteServiceVersion20100801.ListMetrics' })],
    [
      'rpc-cbor',
      request('POST', '/below/service/GraniteServiceVersion20100801/operation/ListMetrics', {
        'smithy-protocol': 'rpc-v2-cbor',
      }),
    ],
  ] as const;
  for (const [protocol, sent] of rows) {
    const expected = { service: 'cloudwatch', protocol, operation: 'ListMetrics', labels: {} };
    assert.deepEqual(routeRequest(sent, 'monitoring'), expected);
    assert.equal(rejected(routeRequest(sent, 'iam')).status, 404, 'signed for another service');
  }
  const form = { service: 'cloudwatch', protocol: 'query', operation: undefined, labels: {} };
  assert.deepEqual(routeRequest(request('POST', '/', FORM), 'monitoring'), form);
  assert.equal(rejected(routeRequest(request('POST', '/', {}), 'monitoring')).status, 404);
  assert.equal(rejected(routeRequest(request('POST', '/', FORM), 'codepipeline')).status, 404);
});

test('a form goes to the service of the scope, and its body names the operation', () => {
  const posted = request('POST', '/', FORM);
  const routing = routeRequest(posted, 'iam');
  assert.deepEqual(routing, { service: 'iam', protocol: 'query', operation: undefined, labels: {} });
  assert.equal(operationOfForm(posted, Buffer.from('Version=2010-05-08&Action=GetUser')), 'GetUser');
  const asked = request('GET', '/?Action=GetCallerIdentity&Version=2011-06-15');
  assert.equal(routed(routeRequest(asked, 'sts')).service, 'sts');
  assert.equal(operationOfForm(asked, Buffer.alloc(0)), 'GetCallerIdentity');
  assert.throws(() => operationOfForm(posted, Buffer.from('A=B')), { code: 'MissingAction' });
});

test('an unsigned form may mean only what needs no signature', () => {
  const posted = request('POST', '/', FORM);
  assert.equal(rejected(routeRequest(posted, undefined)).code, 'MissingAuthenticationTokenException');
  const open = Buffer.from('Action=AssumeRoleWithWebIdentity&Version=2011-06-15');
  assert.equal(routed(routeUnsignedForm(posted, open)).service, 'sts');
  const closed = Buffer.from('Action=GetCallerIdentity&Version=2011-06-15');
  assert.equal(rejected(routeUnsignedForm(posted, closed)).code, 'MissingAuthenticationTokenException');
});

test('what is signed for an unknown service never falls through to object storage', () => {
  const expected = { protocol: 'json', code: 'UnknownOperationException', status: 404 };
  assert.deepEqual(rejected(routeRequest(request('GET', '/bucket/key'), 'lambda')), expected);
  const form = rejected(routeRequest(request('POST', '/', FORM), 'ec2'));
  assert.deepEqual(form, { ...expected, protocol: 'query' });
  assert.equal(rejected(routeRequest(request('GET', '/bucket/key'), 'codepipeline')).status, 404);
});

test('unsigned requests that name nobody are for object storage', () => {
  assert.equal(routed(routeRequest(request('GET', '/bucket/key'), undefined)).operation, 'GetObject');
  assert.equal(routed(routeRequest(request('GET', '/'), undefined)).operation, 'ListBuckets');
});

test('object storage operations are told apart by method, path, query and headers', () => {
  assert.equal(storage('GET', '/'), 'ListBuckets');
  assert.equal(storage('GET', '/?x-id=ListBuckets'), 'ListBuckets');
  assert.equal(storage('PUT', '/b'), 'CreateBucket b');
  assert.equal(storage('PUT', '/b/'), 'CreateBucket b');
  assert.equal(storage('GET', '/b'), 'ListObjects b');
  assert.equal(storage('GET', '/b/?list-type=2&prefix=x'), 'ListObjectsV2 b');
  assert.equal(storage('GET', '/b?versions='), 'ListObjectVersions b');
  assert.equal(storage('GET', '/b?location'), 'GetBucketLocation b');
  assert.equal(storage('GET', '/b?lifecycle'), 'GetBucketLifecycleConfiguration b');
  assert.equal(storage('GET', '/b?analytics'), 'ListBucketAnalyticsConfigurations b');
  assert.equal(storage('GET', '/b?analytics&id=1'), 'GetBucketAnalyticsConfiguration b');
  assert.equal(storage('POST', '/b?delete'), 'DeleteObjects b');
  assert.equal(storage('PUT', '/b/k'), 'PutObject b k');
  assert.equal(storage('PUT', '/b/k?x-id=PutObject'), 'PutObject b k');
  assert.equal(storage('PUT', '/b/k', { 'x-amz-copy-source': '/b/c' }), 'CopyObject b k');
  assert.equal(storage('PUT', '/b/k?partNumber=1&uploadId=u'), 'UploadPart b k');
  const copied = { 'x-amz-copy-source': '/b/c' };
  assert.equal(storage('PUT', '/b/k?partNumber=1&uploadId=u', copied), 'UploadPartCopy b k');
  assert.equal(storage('POST', '/b/k?uploads'), 'CreateMultipartUpload b k');
  assert.equal(storage('POST', '/b/k?uploadId=u'), 'CompleteMultipartUpload b k');
  assert.equal(storage('DELETE', '/b/k?uploadId=u'), 'AbortMultipartUpload b k');
  assert.equal(storage('GET', '/b/k?uploadId=u'), 'ListParts b k');
  assert.equal(storage('GET', '/b/k?partNumber=2&versionId=v'), 'GetObject b k');
  assert.equal(storage('HEAD', '/b/k'), 'HeadObject b k');
  assert.equal(storage('HEAD', '/b'), 'HeadBucket b');
});

test('a sub-resource that an operation does not have never becomes the plain operation', () => {
  assert.equal(storage('PUT', '/b/k?annotation'), 'UnknownOperationException');
  assert.equal(storage('PUT', '/b/k?uploadId=u'), 'UnknownOperationException');
  assert.equal(storage('POST', '/b?acl'), 'UnknownOperationException');
  assert.equal(storage('DELETE', '/b?versioning'), 'UnknownOperationException');
  assert.equal(storage('GET', '/b/k?attributes'), 'GetObjectAttributes b k');
  assert.equal(storage('OPTIONS', '/b/k'), 'UnknownOperationException');
});

test('keys come from the raw path, decoded once and not normalised', () => {
  assert.equal(storage('GET', '/b/a//../x/./y/'), 'GetObject b a//../x/./y/');
  assert.equal(storage('GET', '/b/%2e%2e/%252F+%20'), 'GetObject b ../%2F+ ');
  assert.equal(storage('GET', '/b/caf%C3%A9'), 'GetObject b café');
  assert.equal(storage('GET', '/b/%ff'), 'InvalidURI');
  assert.equal(storage('GET', '/b?prefix=%ff'), 'InvalidURI');
});

test('buckets may be sub-domains of the known hosts', () => {
  const at = (host: string, target = '/k') => storage('GET', target, { host });
  assert.equal(at('my-bucket.localhost:7600'), 'GetObject my-bucket k');
  assert.equal(at('My-Bucket.LOCALHOST'), 'GetObject my-bucket k');
  assert.equal(at('a.b.s3.slipway.test'), 'GetObject a.b k');
  assert.equal(at('a.s3.us-east-1.slipway.test'), 'GetObject a k');
  assert.equal(at('a.localhost', '/'), 'ListObjects a');
  assert.equal(at('a.localhost', '//x'), 'GetObject a /x');
});

test('a service name in front of a host is no bucket, nor is an unknown host', () => {
  const at = (host: string) => storage('GET', '/b/k', { host });
  assert.equal(at('s3.localhost'), 'GetObject b k');
  assert.equal(at('s3.us-east-1.localhost'), 'GetObject b k');
  assert.equal(at('codepipeline.localhost'), 'GetObject b k');
  assert.equal(at('a.example.com'), 'GetObject b k');
  assert.equal(at('127.0.0.1:7600'), 'GetObject b k');
  assert.equal(at(''), 'GetObject b k');
});

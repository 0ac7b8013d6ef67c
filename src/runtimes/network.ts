/**
 * The network of one sandbox, from the operator's setting: which doors lead out, which variables tell the commands of
 * them, and what its log says about it.
 */

import { isIP } from 'node:net';
import type { BuildNetwork } from './egress.ts';
import { forwardTo, openGate, PROXY_PORT, type Door, type Gate } from './gate.ts';
import { createProxy } from './proxy.ts';

export interface NetworkPlan {
  readonly setting: BuildNetwork;
  /** Slipway's own URL, which a build reaches whatever else is closed, unless everything is. */
  readonly endpoint: string | undefined;
}

/** Opens what the plan allows, in the namespace of process `id`. */
export async function openNetwork(plan: NetworkPlan, id: number, isOwnUser: boolean): Promise<Gate> {
  const { setting } = plan;
  if (setting.type !== 'allow') return { close() {} };
  const proxy = createProxy(setting.rules);
  const doors: Door[] = [];
  const endpoint = placeOf(plan.endpoint);
  if (endpoint) doors.push({ ...endpoint.inside, take: forwardTo(endpoint.host, endpoint.port) });
  if (needsProxy(setting)) doors.push({ host: '127.0.0.1', port: PROXY_PORT, take: proxy.take });
  for (const rule of setting.rules) {
    if (rule.type !== 'loopback' || doors.some((door) => door.port === rule.port)) continue;
    doors.push({ host: rule.host, port: rule.port, take: forwardTo(rule.host, rule.port) });
  }
  const gate = await openGate(id, isOwnUser, doors);
  return {
    close() {
      gate.close();
      proxy.close();
    },
  };
}

/** What package managers and tools read to find the proxy; a build may set them otherwise. */
export function networkVariables(plan: NetworkPlan): Readonly<Record<string, string>> {
  if (plan.setting.type !== 'allow' || !needsProxy(plan.setting)) return {};
  const proxy = `http://127.0.0.1:${PROXY_PORT}`;
  const host = placeOf(plan.endpoint)?.host;
  const direct = [...new Set(['localhost', '127.0.0.1', '::1', ...(host ? [host] : [])])].join(',');
  const java = ['http', 'https'].map(
    (scheme) => `-D${scheme}.proxyHost=127.0.0.1 -D${scheme}.proxyPort=${PROXY_PORT}`,
  );
  const javaOptions = [...java, `-Dhttp.nonProxyHosts=${direct.replaceAll(',', '|')}`].join(' ');
  return {
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    NO_PROXY: direct,
    http_proxy: proxy,
    https_proxy: proxy,
    no_proxy: direct,
    NODE_USE_ENV_PROXY: '1',
    MAVEN_OPTS: javaOptions,
    GRADLE_OPTS: javaOptions,
  };
}

/** Names that lead to the doors inside, where nobody resolves any other. */
export function hostsFile(plan: NetworkPlan): string {
  return `127.0.0.1 ${['localhost', 'build', ...hostsOf(plan)].join(' ')}\n::1 localhost\n`;
}

/** Names besides `localhost` that must lead to the loopback inside. */
export function hostsOf(plan: NetworkPlan): readonly string[] {
  const name = placeOf(plan.endpoint)?.host;
  const isInside = plan.setting.type === 'allow' && name !== undefined;
  return isInside && !isIP(name) && name !== 'localhost' ? [name] : [];
}

export function describeNetwork({ setting }: NetworkPlan): string {
  switch (setting.type) {
    case 'on':
      return 'network of the machine, its loopback included';
    case 'off':
      return 'no network';
    case 'allow':
      return `own network, ${setting.text}`;
  }
}

function needsProxy(setting: BuildNetwork): boolean {
  return setting.type === 'allow' && setting.rules.some((rule) => rule.type !== 'loopback');
}

interface Place {
  readonly host: string;
  readonly port: number;
  readonly inside: { readonly host: string; readonly port: number };
}

function placeOf(endpoint: string | undefined): Place | undefined {
  if (endpoint === undefined) return undefined;
  const url = new URL(endpoint);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  return { host, port, inside: { host: isIP(host) ? host : '127.0.0.1', port } };
}

/**
 * The deployment window of a CodePipeline condition: a cron expression in Quartz's form that says, minute by minute,
 * when deployments may go on. Seconds are not used. In `0 0 9-17 ? * MON-FRI *` AWS means office hours, so a minute
 * field of `0` beside hours that are more than one value is read as any minute.
 */

import { type Cron, matchesCron, parseCron } from './cron.ts';
import { nextTime } from './next.ts';
import { civilOf, parseTimeZone, type TimeZone, utc } from './time-zone.ts';

export interface DeploymentWindow {
  readonly cron: Cron;
  readonly zone: TimeZone;
}

export type ParsedWindow = { readonly window: DeploymentWindow } | { readonly error: string };

const MINUTE_MS = 60_000;

/** Both texts as the rule's configuration has them, `Cron` and `TimeZone`; without the latter it is UTC. */
export function parseWindow(cronText: string, timeZoneText: string | undefined): ParsedWindow {
  const zone = timeZoneText === undefined ? utc : parseTimeZone(timeZoneText);
  if (!zone) {
    const forms = "a Region/City name, 'UTC', 'UTC+HH:MM', 'UTC-HH:MM' or a time zone abbreviation";
    return { error: `The time zone '${timeZoneText}' is not valid: it must be ${forms}.` };
  }
  const parsed = parseCron(withAnyMinute(cronText), 'quartz');
  if ('error' in parsed) return { error: `The cron expression '${cronText}' is not valid: ${parsed.error}.` };
  return { window: { cron: { ...parsed.cron, seconds: [0] }, zone } };
}

/** Whether the minute that holds `atMs` lies in the window. */
export function windowIsOpen(
  cronText: string,
  timeZoneText: string | undefined,
  atMs: number,
): { readonly open: boolean } | { readonly error: string } {
  const parsed = parseWindow(cronText, timeZoneText);
  return 'error' in parsed ? parsed : { open: isOpen(parsed.window, atMs) };
}

/** When the window is next open: `atMs` itself if it is, the start of a minute otherwise, `undefined` for never. */
export function nextOpening(
  cronText: string,
  timeZoneText: string | undefined,
  atMs: number,
): { readonly at: number | undefined } | { readonly error: string } {
  const parsed = parseWindow(cronText, timeZoneText);
  if ('error' in parsed) return parsed;
  const { window } = parsed;
  return { at: isOpen(window, atMs) ? atMs : nextTime(window.cron, atMs, window.zone) };
}

function isOpen({ cron, zone }: DeploymentWindow, atMs: number): boolean {
  return matchesCron(cron, { ...civilOf(Math.floor(atMs / MINUTE_MS) * MINUTE_MS, zone), second: 0 });
}

function withAnyMinute(cronText: string): string {
  const fields = cronText.trim().split(/\s+/);
  const [second, minute, hour = '', ...rest] = fields;
  if (minute !== '0' || /^\d*$/.test(hour)) return cronText;
  return [second, '*', hour, ...rest].join(' ');
}

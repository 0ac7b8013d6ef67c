/**
 * Filter patterns of CloudWatch Logs, read once and then asked for each event. Pure; a pattern that cannot be read is
 * the fault InvalidParameterException. https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */

export interface LogPattern {
  matches(message: string): boolean;
  /** A text that is in every message that matches, where the pattern tells of one: many can be passed over together. */
  readonly needs?: string;
  /** The values of a matching event that the pattern names: `$.level`, `$status`, `$3`. */
  extract(message: string): Readonly<Record<string, string>>;
  /** One value, which the pattern need not name. */
  valueOf(message: string, selector: string): string | undefined;
}

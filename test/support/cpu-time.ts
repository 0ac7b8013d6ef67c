/** Milliseconds that this process has computed: what tests of hostile input measure, whatever else the machine does. */
export function cpuMs(): number {
  return process.cpuUsage().user / 1000;
}

/** The bounds of the engine, each with its name. Tests and the simulation make them smaller. */

export interface EngineLimits {
  /** How long a node holds an effect without a sign of life; another node may take it afterwards. Clocks of nodes
   * that share a database must agree within a third of this. */
  readonly leaseMs: number;
  /** How often a node looks for what others left behind: due effects, due machines. */
  readonly sweepMs: number;
  /** Effects that one node performs at the same time; more wait in the database for any node. */
  readonly effectsAtOnceMax: number;
  /** Failures of one effect after which its machine receives `EffectFailed`. */
  readonly failuresMax: number;
  /** Deliveries of one effect, crashes included, after which its machine receives `EffectFailed`. */
  readonly deliveriesMax: number;
  /** The pause after the first failure; it doubles with each further one. */
  readonly pauseMsMin: number;
  readonly pauseMsMax: number;
  /** Decisions on fresh state after another node's decision came first. */
  readonly decisionTriesMax: number;
  /** Machines that one sweep wakes; the next sweep follows at once when there are more. */
  readonly wakesPerSweepMax: number;
  /** When a due machine changes nothing and stays due, it is asked again after this time. */
  readonly wakeAgainMs: number;
  readonly effectsPerDecisionMax: number;
  readonly stateLengthMax: number;
  /** Events that the journal of one machine keeps at least; it forgets older ones in lots of a tenth. */
  readonly journalEventsMin: number;
}

export const defaultLimits: EngineLimits = {
  leaseMs: 30_000,
  sweepMs: 5_000,
  effectsAtOnceMax: 1_000,
  failuresMax: 10,
  deliveriesMax: 1_000,
  pauseMsMin: 250,
  pauseMsMax: 60_000,
  decisionTriesMax: 10,
  wakesPerSweepMax: 200,
  wakeAgainMs: 30_000,
  effectsPerDecisionMax: 1_000,
  stateLengthMax: 16 * 1024 * 1024,
  journalEventsMin: 10_000,
};

/** The door to fleets, for the room. */

export { fleetOperations } from './fleets.ts';
export { readFleetLimits } from './pools.ts';
export { fleetMigration } from './tables.ts';
export { settleInFleet } from './use.ts';

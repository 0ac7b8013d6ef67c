/**
 * Node's HTTP without its WebSocket. Importing from 'node:http' reads all that it exports, and with that loads Node's
 * whole fetch: 60 ms at every start and 13 MB for as long as the server runs, for something that nobody here uses.
 */

export const { createServer, request } = process.getBuiltinModule('node:http');

/** Read only by who serves TLS. */
export const nodeHttps = () => process.getBuiltinModule('node:https');

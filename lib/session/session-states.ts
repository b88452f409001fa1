/**
 * Which command is legal where. The table does not know whose side it is on: a server asks it about the commands it receives,
 * a client about those it sends, so that neither is lenient to itself.
 */

/** A connection is new until its connect has been granted. */
export type ConnectionState = 'new' | 'connecting' | 'connected'

/** A message stream is idle until a publish or a play on it has been granted, and again when that is over. */
export type StreamState = 'idle' | 'deciding' | 'publishing' | 'playing' | 'deleted'

const ofConnection: Record<ConnectionState, (command: string) => boolean> = {
  new: command => command === 'connect',
  connecting: () => false,
  connected: command => command !== 'connect'
}

/** Commands that belong to a message stream, and the states in which they make sense; all others belong to the connection. */
const ofStream: ReadonlyMap<string, readonly StreamState[]> = new Map<string, readonly StreamState[]>([
  ['publish', ['idle']],
  // a play on a stream that plays begins anew (RTMP 1.0, 7.2.2.1)
  ['play', ['idle', 'playing']],
  ['pause', ['playing']],
  ['seek', ['playing']],
  ['receiveAudio', ['idle', 'playing']],
  ['receiveVideo', ['idle', 'playing']],
  ['closeStream', ['idle', 'publishing', 'playing']]
])

export const isLegal = (command: string, state: ConnectionState): boolean => ofConnection[state](command)

/** Whether the command belongs to a message stream. */
export const isOfStream = (command: string): boolean => ofStream.has(command)

export const isLegalOnStream = (command: string, state: StreamState): boolean =>
  ofStream.get(command)?.includes(state) ?? false

/**
 * Which command is allowed in which state. One table for both sides: a server checks the commands it receives, a client
 * those it sends.
 */

/** A connection is new until its connect is granted. */
export type ConnectionState = 'new' | 'connecting' | 'connected'

/** A message stream is idle until a publish or a play on it is granted, and again after that ends. */
export type StreamState = 'idle' | 'deciding' | 'publishing' | 'playing' | 'deleted'

const ofConnection: Record<ConnectionState, (command: string) => boolean> = {
  new: command => command === 'connect',
  connecting: () => false,
  connected: command => command !== 'connect'
}

/** Commands of a message stream, and the states that allow them. All others belong to the connection. */
const ofStream: ReadonlyMap<string, readonly StreamState[]> = new Map<string, readonly StreamState[]>([
  ['publish', ['idle']],
  // a play on a playing stream restarts (RTMP 1.0, 7.2.2.1)
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

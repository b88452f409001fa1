/**
 * What a peer may make us hold or wait for. Every stage and layer takes `{ limits }`, any part of it; the rest are these
 * defaults. Memory is taken as bytes arrive, never because a length was announced.
 */
export interface Limits {
  /** Bytes of one message, and of one FLV tag. A longer one is an error when its header is read. */
  readonly messageBytes: number
  /** Chunk streams of one connection that hold an unfinished message at the same time. */
  readonly chunkStreams: number
  /** Chunk streams of one connection that have been used at all: the last header of each is remembered. */
  readonly chunkStreamHeaders: number
  /** Bytes that the unfinished messages of one connection hold together. */
  readonly bufferedBytes: number
  /** How deep AMF values may be nested. */
  readonly amfDepth: number
  /** How many AMF values one message may carry, those inside others included, and the names that classes of AMF3 list. */
  readonly amfNodes: number
  /** Milliseconds from the first moment until the handshake is over, however its bytes drip in; and until an SWF has answered. */
  readonly handshakeMs: number
  /** Milliseconds from the handshake until the peer has said whether it publishes or plays; and once it was refused, until it is granted something. */
  readonly connectMs: number
  /** Milliseconds an application may take to decide on a request; then it is refused. */
  readonly decisionMs: number
  /** Message streams one connection may create. */
  readonly messageStreams: number
  /** Commands that a peer may send within a second. */
  readonly commandsPerSecond: number
  /**
   * Milliseconds of silence after which a peer is asked by a ping. After twice as many it is ended if it is there to send media, as
   * a publisher or the source of a play, or if it has answered before; the destination of a publish is asked and ended in half the time.
   */
  readonly pingMs: number
  /** Milliseconds without a single byte, not even the answer to a ping, after which any peer is ended, whatever it is there for. */
  readonly idleMs: number
  /** Bytes of media that a peer may send without a publish or play that was granted, 256 for each message included. */
  readonly strayBytes: number
  /** Bytes of answers that may wait for a peer that takes none, 256 for each included. */
  readonly replyBytes: number
  /** Milliseconds that a peer may take no byte of what waits for it. */
  readonly stallMs: number
  /** Milliseconds that we go on flushing after the peer has ended, before the connection is destroyed. */
  readonly lingerMs: number
  /** Bytes of one post through an HTTP tunnel. A longer one ends its session. */
  readonly tunnelPostBytes: number
  /** Bytes that one reply to a post carries; what more there is waits for the next. */
  readonly tunnelReplyBytes: number
  /** Sessions one tunnel server holds at the same time. More are refused. */
  readonly tunnelSessions: number
  /** Milliseconds without a post, or as a client without an answer to one, until a session of a tunnel is ended. */
  readonly tunnelIdleMs: number
}

/** The limits that hold where none are given. Frozen: give `{ limits }` to what is to have others. */
export const defaultLimits: Limits = Object.freeze({
  messageBytes: 10 * 1024 * 1024,
  chunkStreams: 64,
  chunkStreamHeaders: 1024,
  bufferedBytes: 16 * 1024 * 1024,
  amfDepth: 64,
  amfNodes: 100_000,
  handshakeMs: 10_000,
  connectMs: 10_000,
  decisionMs: 10_000,
  messageStreams: 32,
  commandsPerSecond: 1000,
  pingMs: 30_000,
  idleMs: Number.POSITIVE_INFINITY,
  strayBytes: 1024 * 1024,
  replyBytes: 256 * 1024,
  stallMs: 30_000,
  lingerMs: 2_000,
  tunnelPostBytes: 1024 * 1024,
  tunnelReplyBytes: 1024 * 1024,
  tunnelSessions: 10_000,
  tunnelIdleMs: 30_000
})

/**
 * The defaults with `some` laid over them.
 * @throws RangeError for a limit that is not a positive number, TypeError for a name that is no limit.
 */
export function limitsWith(some: Partial<Limits> = {}): Limits {
  for (const [name, value] of Object.entries(some)) {
    if (!Object.hasOwn(defaultLimits, name)) throw new TypeError(`limits.${name} is not a limit`)
    if (value !== undefined && !(value > 0))
      throw new RangeError(`limits.${name} must be a positive number, not ${value}`)
  }
  const given = Object.entries(some).filter(([, value]) => value !== undefined)
  return given.length === 0 ? defaultLimits : { ...defaultLimits, ...Object.fromEntries(given) }
}

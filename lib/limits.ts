/**
 * Bounds on what a peer can make this side hold or wait for. Every stage and layer takes `{ limits }` with any part of them; the
 * others keep their defaults. Memory is allocated as bytes arrive, never because a length was announced. `docs/limits.md` is
 * generated from this file.
 */
export interface Limits {
  /** Bytes of one message, and of one FLV tag. A longer message is an error as soon as its header is read, a longer tag is damage. */
  readonly messageBytes: number
  /** Bytes that are searched for the next tag where an FLV file is damaged. Beyond them the damage is an error, `ERR_RTMP_FLV_TAG`. */
  readonly resyncBytes: number
  /** Chunk streams of one connection that have an unfinished message at the same time. */
  readonly chunkStreams: number
  /** Chunk streams that one connection may use in total. The last header of each is kept. */
  readonly chunkStreamHeaders: number
  /** Bytes of all unfinished messages of one connection. */
  readonly bufferedBytes: number
  /** Nesting depth of AMF values. */
  readonly amfDepth: number
  /** AMF values in one message, nested ones and the property names of AMF3 classes included. */
  readonly amfNodes: number
  /** Milliseconds for the handshake; separately for a PROXY header before it, and for the response to an SWF verification request. */
  readonly handshakeMs: number
  /** Milliseconds from the handshake to `connect`, from there to `publish` or `play`, and from a refusal to the next grant. */
  readonly connectMs: number
  /** Milliseconds in which the application must accept or reject a request. After that it is refused. */
  readonly decisionMs: number
  /** Message streams that one connection may have, and plays between a client over RTMFP and one of its peers. */
  readonly messageStreams: number
  /** Commands that one peer may send per second. */
  readonly commandsPerSecond: number
  /**
   * Milliseconds of silence after which a ping is sent. After twice this time without an answer a peer is disconnected if it should
   * send media (a publisher, or the source of a play) or has answered a ping before. The destination of a publish gets half the time.
   */
  readonly pingMs: number
  /** Milliseconds without a single byte, a ping response included, after which any peer is disconnected. */
  readonly idleMs: number
  /** Bytes of media that a peer may send without a granted publish or play. Each message counts 256 bytes more. */
  readonly strayBytes: number
  /** Bytes of answers queued for a peer that does not read. Each answer counts 256 bytes more. */
  readonly replyBytes: number
  /** Milliseconds in which a peer must accept at least one byte of the data queued for it. */
  readonly stallMs: number
  /** Milliseconds that a wire keeps flushing after its peer has ended, before it is destroyed. */
  readonly lingerMs: number
  /** Bytes of one post of an HTTP tunnel. A longer post ends its session. */
  readonly tunnelPostBytes: number
  /** Bytes of one response to a post. The rest waits for the next post. */
  readonly tunnelReplyBytes: number
  /** Sessions of one tunnel server. Further ones are refused. */
  readonly tunnelSessions: number
  /**
   * Milliseconds without a post, or as a client without a response, after which a tunnel session ends; and without a request, after
   * which the server closes an HTTP connection.
   */
  readonly tunnelIdleMs: number
  /** Bytes of the metadata of an RTMFP flow. A flow with more is rejected. */
  readonly rtmfpMetadataBytes: number
  /** Bytes of an RTMFP flow that wait for earlier fragments. Each fragment counts 128 bytes more. Further ones are not acknowledged. */
  readonly rtmfpFlowBytes: number
  /** Gaps in the sequence numbers of an RTMFP flow. A fragment that would add one more is not acknowledged. */
  readonly rtmfpGaps: number
  /** Flows that the peer of an RTMFP session may have open. Further ones are rejected. */
  readonly rtmfpFlows: number
  /**
   * Bytes of all flows of an RTMFP session that are incomplete or not read. Each fragment counts 128 bytes more. Beyond this only the flow
   * that holds the most continues, up to the end of its message.
   */
  readonly rtmfpSessionBytes: number
  /** RTMFP packets that have arrived in part. A further one replaces the one that has made no progress for the longest time. */
  readonly rtmfpFragmentedPackets: number
  /** Bytes of an RTMFP packet that arrives in fragments. Each fragment counts 128 bytes more. A longer packet is dropped. */
  readonly rtmfpFragmentedBytes: number
  /** RTMFP sessions of one endpoint, those that are opening included. Further initiators get no answer. */
  readonly rtmfpSessions: number
  /** Key agreements per second that initiators may cause at one RTMFP endpoint. One takes 1 to 4 ms. Further initiators get no answer. */
  readonly rtmfpAgreementsPerSecond: number
}

/**
 * The default limits. Frozen: pass `{ limits }` to change them for one object.
 *
 * @example
 * ```ts
 * createServer({ limits: { messageBytes: defaultLimits.messageBytes / 2 } })
 * ```
 */
export const defaultLimits: Limits = Object.freeze({
  messageBytes: 10 * 1024 * 1024,
  resyncBytes: 16 * 1024 * 1024,
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
  tunnelIdleMs: 30_000,
  rtmfpMetadataBytes: 512,
  rtmfpFlowBytes: 4 * 1024 * 1024,
  rtmfpGaps: 1024,
  rtmfpFlows: 256,
  rtmfpSessionBytes: 16 * 1024 * 1024,
  rtmfpFragmentedPackets: 16,
  rtmfpFragmentedBytes: 65_536,
  rtmfpSessions: 10_000,
  rtmfpAgreementsPerSecond: 200
})

/**
 * The defaults, overridden by `some`.
 * @throws RangeError for a limit that is not a positive number, TypeError for an unknown name.
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

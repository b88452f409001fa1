import type { FlowSet } from '../../rtmfp/flow-mapping/flow-set.ts'

/** What carries the flows of a wire: a session of RTMFP, or a WebSocket. */
export interface FlowCarrier extends FlowSet {
  /** Bytes that wait to be sent, without those in flight. */
  readonly waitingBytes: number
  /** Bytes of the peer that are not complete, or were not read. */
  readonly heldBytes: number
  /** Since when something has waited for the peer without any progress, in milliseconds of the clock; undefined if nothing waits. */
  readonly owedSince: number | undefined
  readonly bytesIn: number
  readonly bytesOut: number
  /** When the peer was last heard, in milliseconds of the clock. */
  readonly heardAt: number
  /** Takes the arguments of a `setPeerInfo` command; only RTMFP has a use for it. */
  heedPeerInfo?(args: readonly unknown[]): void
  /** Pings the peer after so many milliseconds of silence; a WebSocket needs no such thing. */
  keepAlive?(ms: number): void
  /** Closes it in order: all has arrived, or nobody waits for it. */
  close(): void
}

import type { FlowSet } from '../../rtmfp/flow-mapping/flow-set.ts'

/** Carries the flows of a wire: a session of RTMFP, or a WebSocket. */
export interface FlowCarrier extends FlowSet {
  /** Bytes that wait to be sent, without those in flight. */
  readonly waitingBytes: number
  /** Bytes received from the peer that are incomplete or not read. */
  readonly heldBytes: number
  /** Since when something waits to be acknowledged without any progress, in milliseconds of the clock; undefined if nothing waits. */
  readonly owedSince: number | undefined
  readonly bytesIn: number
  readonly bytesOut: number
  /** When the peer was last heard, in milliseconds of the clock. */
  readonly heardAt: number
  /** Processes the arguments of a `setPeerInfo` command. Only RTMFP has it. */
  heedPeerInfo?(args: readonly unknown[]): void
  /** Pings the peer after so many milliseconds of silence. A WebSocket does not need it. */
  keepAlive?(ms: number): void
  /** Closes it in an orderly way. The wire calls it once everything has arrived, or is given up. */
  close(): void
}

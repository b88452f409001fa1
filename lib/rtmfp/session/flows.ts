import type { RtmfpChunk } from '../wire/chunk.ts'
import type { PacketHeader } from '../wire/packet.ts'

/** What the flows of a session put into one of its packets. */
export interface FlowChunks {
  readonly chunks: readonly RtmfpChunk[]
  /** Whether there is time critical data among them. */
  readonly timeCritical: boolean
  /** Whether other sessions receive time critical data. */
  readonly timeCriticalReverse: boolean
}

/**
 * What a session knows of its flows (RFC 7016, 3.6): they receive the chunks that concern flows, and fill the session's packets. They call
 * `session.wake()` when they have something to send.
 */
export interface SessionFlows {
  /** A chunk of a verified packet, whose buffers are views of the packet. */
  receive(chunk: RtmfpChunk, now: number): void
  /** Called after the last chunk of each packet. */
  received(header: PacketHeader, now: number): void
  /** The chunks of the next packet, of at most `room` bytes; undefined if there is none to send now. */
  fill(room: number, now: number): FlowChunks | undefined
  /** Whether other sessions receive time critical data, which the flags of all packets tell; false if omitted. */
  isTimeCriticalReverse?(now: number): boolean
  /** When `elapsed` is to be called; Infinity for never. */
  nextTimeout(): number
  elapsed(now: number): void
  /** The session is over, and sends no more packets. */
  over(): void
}

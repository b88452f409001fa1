/** Why a sending flow is over: everything was acknowledged or abandoned, the receiver rejected it, or its session is over. */
export type FlowEnd = 'complete' | 'rejected' | 'session over'

/** The events of a sending flow, which are called synchronously. */
export interface SendingFlowEvents {
  /** There is room again, after `isWritable` was false. */
  drained?(): void
  /** The flow is over; `exceptionCode` is that of a receiver that rejected it. Called once. */
  ended?(why: FlowEnd, exceptionCode?: number): void
}

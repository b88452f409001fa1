/** Why a sending flow is over: all has arrived, the receiver rejected it, or its session is over. */
export type FlowEnd = 'complete' | 'rejected' | 'session over'

/** What a sending flow tells of itself, from inside the call that causes it. */
export interface SendingFlowEvents {
  /** There is room again, behind a time when `isWritable` was false. */
  drained?(): void
  /** Once; with the code of the receiver if it rejected the flow. */
  ended?(why: FlowEnd, exceptionCode?: number): void
}

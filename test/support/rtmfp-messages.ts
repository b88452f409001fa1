import type { Message } from '../../lib/message/message.ts'
import { Flows, type FlowsOptions } from '../../lib/rtmfp/flow/flows.ts'
import type { FlowsSession } from '../../lib/rtmfp/flow/sending-flows.ts'
import { writeFlowMessage } from '../../lib/rtmfp/flow-mapping/flow-message.ts'
import { MessageFlows, type MessageFlowsOptions } from '../../lib/rtmfp/flow-mapping/message-flows.ts'
import type { MessageOptions } from '../../lib/rtmfp/flow-mapping/sending-messages.ts'

/** The messages of a session, which are put in whole. */
export class Messages extends MessageFlows<Flows> {
  constructor(session: FlowsSession, { limits, timeCritical, ...options }: MessageFlowsOptions & FlowsOptions) {
    const bounds = { ...(limits && { limits }), ...(timeCritical && { timeCritical }) }
    super(accept => new Flows(session, { accept, ...bounds }), options)
  }

  put(message: Message, now: number, options?: MessageOptions): boolean {
    return this.write(message.type, message.messageStreamId, writeFlowMessage(message), now, options)
  }
}

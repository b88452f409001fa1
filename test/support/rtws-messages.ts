import fc from 'fast-check'
import type { RtwsMessage } from '../../lib/rtws/rtws-message.ts'
import { buffers } from './property.ts'

const bytes = buffers(40)
const kindOf = <Kind extends string>(...kinds: Kind[]) => fc.constantFrom(...kinds)

/** Any message of RTWebSocket, with such numbers. */
export const rtwsMessages = (vlu: fc.Arbitrary<number>): fc.Arbitrary<RtwsMessage> =>
  fc.oneof(
    fc.record({ kind: kindOf('Ping', 'PingReply'), data: bytes }),
    fc.record({ kind: kindOf('AckWindow'), bytes: vlu }),
    fc.record({ kind: kindOf('FlowOpen'), flowId: vlu, metadata: bytes }),
    fc.record({ kind: kindOf('ReturnFlowOpen'), flowId: vlu, returnFlowId: vlu, metadata: bytes }),
    fc.record({ kind: kindOf('LastFragment', 'Fragment'), flowId: vlu, data: bytes }),
    fc.record({ kind: kindOf('Abandon'), flowId: vlu, countMinusOne: vlu }),
    fc.record({ kind: kindOf('FlowClose', 'FlowCloseAck'), flowId: vlu }),
    fc.record({ kind: kindOf('DataAck'), flowId: vlu, deltaBytes: vlu, bufferBytes: vlu }),
    fc.record({
      kind: kindOf('FlowException'),
      flowId: vlu,
      exceptionCode: vlu,
      text: fc.string({ unit: 'grapheme' })
    }),
    fc.record({ kind: kindOf('Unknown'), code: fc.constant(0xff), data: bytes })
  )

import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { type RtwsMessage, readRtwsMessage, rtwsMessage } from '../../lib/rtws/rtws-message.ts'
import { hex } from '../support/hex.ts'
import { buffers, holds } from '../support/property.ts'
import { readRtwsCapture } from '../support/rtws-captures.ts'
import { rtwsMessages } from '../support/rtws-messages.ts'

t.test('each message, as bytes and as what it says', async t => {
  for (const [bytes, message] of [
    [hex`01 abcd`, { kind: 'Ping', data: hex`abcd` }],
    [hex`41`, { kind: 'PingReply', data: hex`` }],
    [hex`0a 9570`, { kind: 'AckWindow', bytes: 2800 }],
    [hex`10 00 54430400`, { kind: 'FlowOpen', flowId: 0, metadata: hex`54430400` }],
    [hex`30 02 8100 54430401`, { kind: 'ReturnFlowOpen', flowId: 2, returnFlowId: 128, metadata: hex`54430401` }],
    [hex`1d 03 08 00000005 ff`, { kind: 'LastFragment', flowId: 3, data: hex`0800000005ff` }],
    [hex`3d 03`, { kind: 'Fragment', flowId: 3, data: hex`` }],
    [hex`1a 04`, { kind: 'Abandon', flowId: 4, countMinusOne: 0 }],
    [hex`1a 04 02`, { kind: 'Abandon', flowId: 4, countMinusOne: 2 }],
    [hex`1c 04`, { kind: 'FlowClose', flowId: 4 }],
    [hex`5c 04`, { kind: 'FlowCloseAck', flowId: 4 }],
    [hex`5a 00 00 ffff7f`, { kind: 'DataAck', flowId: 0, deltaBytes: 0, bufferBytes: 2_097_151 }],
    [hex`5e 02 00`, { kind: 'FlowException', flowId: 2, exceptionCode: 0, text: '' }],
    [hex`5e 02 07 6e6f`, { kind: 'FlowException', flowId: 2, exceptionCode: 7, text: 'no' }],
    [hex`77 01`, { kind: 'Unknown', code: 0x77, data: hex`01` }]
  ] as [Buffer, RtwsMessage][]) {
    t.same(readRtwsMessage(bytes), message)
    t.same(rtwsMessage(message), bytes)
  }
  t.same(readRtwsMessage(hex`5e 02`), { kind: 'FlowException', flowId: 2, exceptionCode: 0, text: '' }, 'no code')
})

t.test('bytes that are no message', async t => {
  for (const [bytes, code, offset] of [
    [hex``, 'ERR_RTMP_TRUNCATED', 0],
    [hex`0a`, 'ERR_RTMP_TRUNCATED', 1],
    [hex`30 02`, 'ERR_RTMP_TRUNCATED', 2],
    [hex`1d`, 'ERR_RTMP_TRUNCATED', 1],
    [hex`1a 04 80`, 'ERR_RTMP_TRUNCATED', 3],
    [hex`5a 00 00`, 'ERR_RTMP_TRUNCATED', 3],
    [hex`1c 80808080808080808080 00`, 'ERR_RTMP_VLU', 1],
    [hex`5e 00 ffffffffffffffff7f`, 'ERR_RTMP_VLU', 2]
  ] as const)
    t.throws(
      () => readRtwsMessage(bytes),
      { name: 'ProtocolError', layer: 'rtws', code, offset },
      bytes.toString('hex')
    )
})

const vlu = fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat())

t.test('what is written is read again, and any bytes are read or a ProtocolError', async t => {
  holds(
    t,
    'inverse',
    fc.property(rtwsMessages(vlu), message => isDeepStrictEqual(readRtwsMessage(rtwsMessage(message)), { ...message }))
  )
  holds(
    t,
    'any bytes',
    fc.property(buffers(20), bytes => {
      try {
        readRtwsMessage(bytes)
      } catch (error) {
        return (error as { layer?: string }).layer === 'rtws'
      }
    })
  )
})

t.test('what tcconn.js and tcserver said is read as it was meant, and written again to the byte', async t => {
  const { client, server, expected } = readRtwsCapture('chromium-play')
  for (const [side, sent] of [
    ['C', client],
    ['S', server]
  ] as const) {
    const rows = expected.filter(([, by, code]) => by === side && !code.startsWith('ws'))
    t.equal(sent.length, rows.length)
    t.same(
      sent.map(listed),
      rows.map(([, , ...row]) => row),
      side
    )
    t.same(
      sent.map(message => rtwsMessage(readRtwsMessage(message))),
      sent
    )
  }
})

/** What the oracle lists of a message: its code, and its fields in their order. */
function listed(bytes: Buffer): (number | string)[] {
  const { kind, ...fields } = readRtwsMessage(bytes)
  const values = Object.entries(fields).map(([name, value]) => {
    if (!Buffer.isBuffer(value)) return value as number
    return name === 'metadata' ? value.toString('hex') : value.length
  })
  return [bytes.toString('hex', 0, 1), ...values]
}

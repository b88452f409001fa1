import { assertSwfHash, type SwfHash, swfSignature } from '../handshake/swf.ts'
import { type Message, MessageTypeId } from '../message/message.ts'
import { readUserControlEvent, userControlMessage } from '../message/user-control-event.ts'

/**
 * One side of SWF verification, a pure state machine: a server asks after the first message, and a client answers each
 * request. Both are user control events, keyed by the last 32 bytes of S1.
 */
export class SwfVerification {
  readonly #swfs: readonly SwfHash[]
  readonly #isServer: boolean
  #hasAsked = false

  /**
   * @throws TypeError for a hash that is not 32 bytes, and for a client with several SWFs; RangeError for an invalid
   *   size.
   */
  constructor(role: 'server' | 'client', swfs: readonly SwfHash[]) {
    for (const swf of swfs) assertSwfHash(swf)
    if (role === 'client' && swfs.length > 1) throw new TypeError('swf must be a single SWF for a client')
    this.#swfs = swfs
    this.#isServer = role === 'server'
  }

  /** The request of a server, once. */
  question(): Message | undefined {
    if (!this.#isServer || this.#hasAsked) return undefined
    this.#hasAsked = true
    return userControlMessage({ kind: 'SwfVerificationRequest' })
  }

  /** The answer to a request, or the result of an answer; undefined for any other message. */
  hear({ type, payload }: Message, key: Buffer): Message | 'one of them' | 'another one' | undefined {
    if (type !== MessageTypeId.UserControl) return undefined
    const event = readUserControlEvent(payload)
    if (event.kind === 'SwfVerificationRequest' && !this.#isServer) {
      return userControlMessage({ kind: 'SwfVerificationResponse', signature: swfSignature(this.#swfs[0]!, key) })
    }
    if (event.kind !== 'SwfVerificationResponse' || !this.#isServer) return undefined
    return this.#swfs.some(swf => swfSignature(swf, key).equals(event.signature)) ? 'one of them' : 'another one'
  }
}

import { assertSwfHash, type SwfHash, swfSignature } from '../handshake/swf.ts'
import { type Message, MessageTypeId } from '../message/message.ts'
import { readUserControlEvent, userControlMessage } from '../message/user-control-event.ts'

/**
 * One side's part in SWF verification, a pure machine: a server asks behind the first message, a client answers with what it is as often
 * as it is asked. Both are user control events, keyed by the last 32 bytes of S1.
 */
export class SwfVerification {
  readonly #swfs: readonly SwfHash[]
  readonly #isServer: boolean
  #hasAsked = false

  /** @throws TypeError for a hash that is not 32 bytes, and for a client of several, RangeError for a size that is none. */
  constructor(role: 'server' | 'client', swfs: readonly SwfHash[]) {
    for (const swf of swfs) assertSwfHash(swf)
    if (role === 'client' && swfs.length > 1) throw new TypeError('swf must be a single SWF for a client')
    this.#swfs = swfs
    this.#isServer = role === 'server'
  }

  /** What is to be asked: by a server, once. */
  question(): Message | undefined {
    if (!this.#isServer || this.#hasAsked) return undefined
    this.#hasAsked = true
    return userControlMessage({ kind: 'SwfVerificationRequest' })
  }

  /** What a message means for it: the answer to give, or what the answer shows; undefined where it is of something else. */
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

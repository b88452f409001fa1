import { HANDSHAKE_LENGTH } from '../handshake/packets.ts'
import type { Message } from '../message/message.ts'
import type { ProtocolControl } from './chunk.ts'
import { acknowledgement, windowAcknowledgementSize } from './protocol-control.ts'

export interface AcknowledgementWindowOptions {
  /**
   * Bytes received before the first chunk: 3073, those of a handshake, unless told. They are part of "the number of bytes received so
   * far" (RTMP 1.0, 5.4.3), and librtmp counts them; FFmpeg does not (captures/ackwin16k-ffmpeg-play-vod). No peer is known to mind.
   */
  received?: number
  /**
   * The number of received bytes after which an Acknowledgement is sent, until the peer announces its own window:
   * 2,500,000. Some encoders announce none and stop without an Acknowledgement (SRS issues 795 and 818).
   */
  windowSize?: number
}

/** The smallest window accepted: with a smaller one every few packets would be acknowledged. */
const LEAST_WINDOW = 4096
const DEFAULT_WINDOW = 2_500_000

/**
 * Counts received bytes and decides on the answers (RTMP 1.0, 5.4.3-5). Our own writes never wait for a peer's window:
 * many peers never acknowledge, and the backpressure of the socket is sufficient.
 */
export class AcknowledgementWindow {
  #received: number
  #acknowledged: number
  #windowSize: number
  /** The last window that we announced to the peer. */
  #told: number | undefined
  /** The answer to the last Set Peer Bandwidth, until it is taken. */
  #owed: Message | undefined

  /** @throws RangeError for a window that is not greater than 0. */
  constructor({ received = HANDSHAKE_LENGTH, windowSize = DEFAULT_WINDOW }: AcknowledgementWindowOptions = {}) {
    if (!(windowSize > 0)) throw new RangeError(`windowSize must be a positive number, not ${windowSize}`)
    this.#received = received >>> 0
    this.#acknowledged = this.#received
    this.#windowSize = Math.max(windowSize, LEAST_WINDOW)
  }

  /** Counts `byteLength` more bytes. */
  receive(byteLength: number): void {
    this.#received = (this.#received + byteLength) >>> 0
  }

  /** Whether an Acknowledgement is due: the bytes since the last one cross the window. */
  get isDue(): boolean {
    return (this.#received - this.#acknowledged) >>> 0 >= this.#windowSize
  }

  /** The Acknowledgement, if it is due. It tells the whole, however late it goes. */
  acknowledge(): Message | undefined {
    if (!this.isDue) return undefined
    this.#acknowledged = this.#received
    return acknowledgement(this.#received)
  }

  /**
   * Heeds the peer's Window Acknowledgement Size and Set Peer Bandwidth. A dynamic limit is taken for a hard one: nginx-rtmp sends it so,
   * and every player answers it (captures/ffmpeg-play-vod).
   */
  heed(control: ProtocolControl): void {
    if (control.kind === 'WindowAcknowledgementSize') this.#windowSize = Math.max(control.windowSize, LEAST_WINDOW)
    if (control.kind !== 'SetPeerBandwidth') return
    const { windowSize, limitType } = control
    const wanted = limitType === 'soft' ? Math.min(windowSize, this.#told ?? windowSize) : windowSize
    if (wanted === this.#told) return
    this.#told = wanted
    this.#owed = windowAcknowledgementSize(wanted)
  }

  /** The answer to Set Peer Bandwidth, if the last one changed our window and was not answered yet. */
  answer(): Message | undefined {
    const owed = this.#owed
    this.#owed = undefined
    return owed
  }
}

import type { OutDatagram, Place } from '../../lib/rtmfp/session/datagrams.ts'
import type { Participant } from './rtmfp-network.ts'

const PACKET_LENGTH = 1500
const ACK_LENGTH = 40
const TIMEOUT_MS = 1000

const numbered = (number: number, length: number): Buffer => {
  const bytes = Buffer.alloc(length)
  bytes.writeUInt32BE(number)
  return bytes
}

/** A sender of TCP Reno (RFC 5681, with the partial acknowledgements of RFC 6582) that always has data. It counts in packets. */
export class RenoSender implements Participant {
  /** Packets that have arrived. */
  acknowledged = 0
  readonly #to: Place
  #next = 0
  #window = 3
  #threshold = Number.POSITIVE_INFINITY
  #duplicates = 0
  #isRecovering = false
  /** The end of what was in flight when a loss was found: up to there it is the same loss. */
  #lossAt = -1
  #again: number[] = []
  #timeoutAt = Number.POSITIVE_INFINITY

  constructor(to: Place) {
    this.#to = to
  }

  *output(now: number): Generator<OutDatagram, void> {
    for (const number of this.#again.splice(0)) yield this.#packet(number, now)
    while (this.#next < this.acknowledged + Math.floor(this.#window)) yield this.#packet(this.#next++, now)
  }

  input(bytes: Buffer, _: Place, now: number): void {
    const number = bytes.readUInt32BE()
    const arrived = number - this.acknowledged
    if (arrived > 0) {
      this.acknowledged = number
      this.#next = Math.max(this.#next, number)
      this.#duplicates = 0
      this.#timeoutAt = now + TIMEOUT_MS
      if (!this.#isRecovering) this.#window += this.#window < this.#threshold ? 1 : 1 / this.#window
      else if (number < this.#lossAt) {
        this.#again.push(number)
        this.#window = Math.max(this.#window - arrived + 1, 1)
      } else {
        this.#isRecovering = false
        this.#window = this.#threshold
      }
    } else if (this.#isRecovering) this.#window++
    else if (++this.#duplicates === 3 && number > this.#lossAt) {
      this.#cut()
      this.#window = this.#threshold + 3
      this.#isRecovering = true
      this.#again.push(number)
    }
  }

  nextTimeout(): number {
    return this.#timeoutAt
  }

  elapsed(now: number): void {
    if (now < this.#timeoutAt) return
    this.#cut()
    this.#window = 1
    this.#next = this.acknowledged
    this.#isRecovering = false
    this.#timeoutAt = now + TIMEOUT_MS
  }

  #packet(number: number, now: number): OutDatagram {
    if (this.#timeoutAt === Number.POSITIVE_INFINITY) this.#timeoutAt = now + TIMEOUT_MS
    return { bytes: numbered(number, PACKET_LENGTH), to: this.#to }
  }

  #cut(): void {
    this.#threshold = Math.max((this.#next - this.acknowledged) / 2, 2)
    this.#duplicates = 0
    this.#lossAt = this.#next
  }
}

/** Its receiver: each packet is acknowledged. */
export class RenoReceiver implements Participant {
  readonly #to: Place
  readonly #early = new Set<number>()
  #next = 0
  #owed = 0

  constructor(to: Place) {
    this.#to = to
  }

  input(bytes: Buffer): void {
    this.#early.add(bytes.readUInt32BE())
    for (; this.#early.delete(this.#next); ) this.#next++
    this.#owed++
  }

  *output(): Generator<OutDatagram, void> {
    for (; this.#owed > 0; this.#owed--) yield { bytes: numbered(this.#next, ACK_LENGTH), to: this.#to }
  }

  nextTimeout(): number {
    return Number.POSITIVE_INFINITY
  }

  elapsed(): void {}
}

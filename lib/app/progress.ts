import { isAudio, isVideo, type Message, Stage } from '../index.ts'

export interface ProgressOptions {
  /** Receives the line; undefined for none. */
  write: ((text: string) => void) | undefined
  now?: () => number
}

const EVERY_MS = 500

/** Passes messages, and shows one line on a terminal: stream time, bitrate, frame rate, dropped messages. */
export class Progress extends Stage<Message, Message> {
  readonly #write: ((text: string) => void) | undefined
  readonly #now: () => number
  #begun: number | undefined
  #shownAt = 0
  #first: number | undefined
  #ms = 0
  #bytes = 0
  #frames = 0
  #dropped = 0
  #hasBegun = false

  constructor({ write, now = () => performance.now() }: ProgressOptions) {
    super({ layer: 'progress' })
    this.#write = write
    this.#now = now
  }

  /** Whether audio or video has arrived. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** Counts messages that a later stage dropped. */
  countDropped(messages: number): void {
    this.#dropped += messages
  }

  protected override turn(message: Message): boolean {
    this.#first ??= message.timestamp
    this.#ms = Math.max(this.#ms, (message.timestamp - this.#first) | 0)
    this.#bytes += message.payload.length
    if (isVideo(message)) this.#frames++
    this.#hasBegun ||= isVideo(message) || isAudio(message)
    this.#show(false)
    return this.push(message)
  }

  protected override last(): void {
    this.#show(true)
  }

  /** Ends the line, so that an error has its own. */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#shownAt > 0 && !this.readableEnded) this.#write?.('\n')
    super._destroy(error, done)
  }

  #show(isLast: boolean): void {
    if (this.#write === undefined) return
    const now = this.#now()
    this.#begun ??= now
    if (!isLast && now - this.#shownAt < EVERY_MS) return
    this.#shownAt = now
    const seconds = Math.max(0.001, (now - this.#begun) / 1000)
    const rate = `${Math.round((this.#bytes * 8) / 1000 / seconds)} kbit/s, ${Math.round(this.#frames / seconds)} frames/s, ${this.#dropped} dropped`
    this.#write(`\r${clock(this.#ms)}  ${rate}  ${isLast ? '\n' : ' '}`)
  }
}

function clock(ms: number): string {
  const seconds = ms / 1000
  const whole = [seconds / 3600, (seconds / 60) % 60].map(part => `${Math.floor(part)}`.padStart(2, '0'))
  return `${whole.join(':')}:${(seconds % 60).toFixed(1).padStart(4, '0')}`
}

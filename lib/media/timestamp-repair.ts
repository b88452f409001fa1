import type { Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'
import { Rebase } from './rebase.ts'
import { type Repair, TimestampMender } from './timestamp-mender.ts'

/** Options of TimestampRepair. */
export interface TimestampRepairOptions {
  /** Let the first audio or video come out at 0, and all else so much earlier: false. */
  rebase?: boolean
  /** A step ahead of more milliseconds than this on one track is a jump: 2000. An integer from 1 to 2^23 - 1. */
  maxJumpMs?: number
  /** Mend what is found: true. With false it is only told, and timestamps stay but for `rebase`. */
  mend?: boolean
}

/** With twice as much a wrap of 24 bits would be a small step back. */
const MAX_JUMP_MS = 2 ** 23 - 1

/** The options with their defaults. @throws RangeError for a step out of range; TypeError for a choice that is no boolean. */
export function checkRepair({
  rebase = false,
  maxJumpMs = 2000,
  mend = true
}: TimestampRepairOptions): Required<TimestampRepairOptions> {
  if (!Number.isInteger(maxJumpMs) || maxJumpMs < 1 || maxJumpMs > MAX_JUMP_MS) {
    throw new RangeError(`maxJumpMs must be an integer from 1 to ${MAX_JUMP_MS}, not ${maxJumpMs}`)
  }
  for (const [name, value] of Object.entries({ rebase, mend })) {
    if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false, not ${value}`)
  }
  return { rebase, maxJumpMs, mend }
}

/** Events of TimestampRepair, beside those of every stage. */
export interface TimestampRepairEvents {
  /** Timestamps wrapped, jumped or stepped back: told ahead of the message. */
  repair: [repair: Repair]
}

/**
 * Mends the timestamps of one stream whose source wraps, jumps or steps back. Each track is looked at by itself, and audio and
 * video stay in sync. Every place is told with `'repair'` (see Repair), ahead of the message:
 *
 * - A wrap, from about 2^31 or 2^24 to about 0, goes on without losing a millisecond.
 * - A jump of more than `maxJumpMs`, ahead or back, is closed: the message comes out a usual frame behind the last one of its
 *   track, or where the other tracks have got to, and the other tracks follow.
 * - A shorter step back is waited out: messages come out at the last timestamp of their track until the source is past it. A
 *   source that loops must take longer than `maxJumpMs` for it.
 *
 * No repair are the wrap of 32 bits, a pause of one track while another goes on, a message from before a jump that comes late,
 * and sequence headers and metadata: where theirs does not fit they take the last timestamp. A track begins where it says,
 * unless that is far from where the stream is; data, much of which has 0, may begin far behind it.
 *
 * From the first audio or video on no track goes back, and nothing comes out more than `maxJumpMs` ahead of what
 * has come out. Messages that need nothing pass as the same objects; so does what is no media, aggregates (type 22) among it.
 */
export class TimestampRepair extends Stage<Message, Message, TimestampRepairEvents> {
  readonly #mender: TimestampMender
  readonly #mend: boolean
  readonly #rebase: Rebase | undefined

  /** @throws RangeError for a step out of range; TypeError for a choice that is no boolean. */
  constructor(options: TimestampRepairOptions = {}) {
    super({ layer: 'timestampRepair' })
    const { rebase, maxJumpMs, mend } = checkRepair(options)
    this.#mender = new TimestampMender(maxJumpMs, repair => this.emit('repair', repair))
    this.#mend = mend
    if (rebase) this.#rebase = new Rebase(maxJumpMs)
  }

  protected override turn(message: Message): boolean {
    const mended = this.#mender.place(message)
    const placed = this.#mend ? mended : message
    return this.push(this.#rebase?.place(placed) ?? placed)
  }
}

/**
 * A TimestampRepair: Messages whose timestamps go on.
 * @throws RangeError for a step out of range.
 */
export const timestampRepair = (options?: TimestampRepairOptions): TimestampRepair => new TimestampRepair(options)

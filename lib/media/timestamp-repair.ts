import type { Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'
import { Rebase } from './rebase.ts'
import { type Repair, TimestampMender } from './timestamp-mender.ts'

/** Options of TimestampRepair. */
export interface TimestampRepairOptions {
  /** Shift the stream so that its first audio or video has timestamp 0: false. */
  rebase?: boolean
  /** The longest step ahead of a track that is not a jump, in milliseconds: 2000. An integer from 1 to 2^23 - 1. */
  maxJumpMs?: number
  /**
   * Whether to repair: true. With false discontinuities are only reported, and timestamps stay unchanged except for
   * `rebase`.
   */
  mend?: boolean
}

/** With twice this value a wrap of 24 bits would be a small step back. */
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
 * Repairs the timestamps of a stream whose source wraps, jumps or steps back. Each track is handled separately, and
 * audio and video stay in sync. `'repair'` (see Repair) reports each discontinuity, before the message:
 *
 * - A wrap, from about 2^31 or 2^24 to about 0, continues without losing a millisecond.
 * - A jump of more than `maxJumpMs`, ahead or back, is closed: the message follows the last one of its track by a usual
 *   frame, or continues at the position of the other tracks, and the other tracks follow.
 * - A shorter step back is waited out: messages have the last timestamp of their track until the source has passed it.
 *   A source that loops must be longer than `maxJumpMs` for this.
 *
 * These are not repairs: the wrap of 32 bits; a pause of one track while another continues; a late message from before
 * a jump; sequence headers and metadata, which take the last timestamp if theirs does not fit. A track starts at its
 * own timestamp, unless that is far from the position of the stream; data, which often has 0, may start far behind it.
 *
 * From the first audio or video on, no track goes back, and no output is more than `maxJumpMs` ahead of earlier output.
 * Unchanged messages pass as the same objects; so do messages that are not media, aggregates (type 22) included.
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
 * A TimestampRepair: Messages with continuous timestamps.
 * @throws RangeError for a step out of range.
 */
export const timestampRepair = (options?: TimestampRepairOptions): TimestampRepair => new TimestampRepair(options)

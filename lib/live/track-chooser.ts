import type { TrackIds } from '../media/tracks/choose-tracks.ts'
import type { Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'
import { ChosenTracks } from './chosen-tracks.ts'

/**
 * One video and one audio track of a stream, as a stream without Multitrack: see chooseTracks. A video track other than the primary one
 * begins at its own keyframe.
 */
export class TrackChooser extends Stage<Message, Message> {
  readonly #tracks: ChosenTracks

  /** @throws RangeError for an id that is not an integer from 0 to 255. */
  constructor(ids: TrackIds = {}) {
    super({ layer: 'trackChooser' })
    this.#tracks = new ChosenTracks(ids)
  }

  protected override turn(message: Message): boolean | void {
    const chosen = this.#tracks.of(message)
    if (chosen !== undefined) return this.push(chosen)
  }
}

/**
 * A TrackChooser: by default the primary tracks, for a program that does not know Multitrack.
 * @throws RangeError for an id that is not an integer from 0 to 255.
 *
 * @example
 * ```ts
 * pipeline(createReadStream('film.flv'), flvDecoder(), trackChooser({ video: 1 }), flvFile('second.flv'), report)
 * ```
 */
export const trackChooser = (ids?: TrackIds): TrackChooser => new TrackChooser(ids)

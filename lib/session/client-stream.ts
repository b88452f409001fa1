import type { AmfObject, AmfValue } from '../amf/amf-value.ts'
import type { Clock } from '../clock.ts'
import { isAudio } from '../media/tags/audio-tag.ts'
import { isVideo } from '../media/tags/video-tag.ts'
import { createCommand } from '../message/command.ts'
import type { Message } from '../message/message.ts'
import { userControlMessage } from '../message/user-control-event.ts'
import type { Status } from '../status.ts'
import { Answers } from './answers.ts'
import { NetStream, type StreamConnection } from './net-stream.ts'
import type { PlayedStream, Playing } from './playing.ts'
import type { Publishing } from './publishing.ts'
import { isLegalOnStream } from './session-states.ts'

/** Commands on a message stream and the onStatus codes that answer them (RTMP 1.0, 7.2.2). */
type Asked = 'publish' | 'play' | 'pause' | 'seek'

const answeredBy: Readonly<Record<string, Asked>> = {
  'NetStream.Publish.Start': 'publish',
  'NetStream.Play.Start': 'play',
  'NetStream.Pause.Notify': 'pause',
  'NetStream.Unpause.Notify': 'pause',
  'NetStream.Seek.Notify': 'seek'
}

/** A message stream of a client: the commands it sends and the statuses the peer answers. */
export class ClientStream extends NetStream<Publishing, Playing> implements PlayedStream {
  readonly #answers: Answers<Asked, AmfObject>
  readonly #transaction: () => number
  /** Transaction id of the last publish or play. */
  transactionId = 0
  #hasMedia = false
  #isPaused = false

  constructor(
    id: number,
    connection: StreamConnection,
    waits: { clock: Clock; timeoutMs: number; next: () => number }
  ) {
    super(id, connection)
    this.#answers = new Answers(waits.clock, waits.timeoutMs)
    this.#transaction = waits.next
  }

  /** Sends a command that has no answer. @throws TypeError if session-states.ts does not allow it in this state. */
  tell(name: string, ...args: readonly AmfValue[]): void {
    this.#check(name)
    const isRequest = name === 'publish' || name === 'play'
    if (isRequest) this.transactionId = this.#transaction()
    const transactionId = isRequest ? this.transactionId : 0
    this.say(createCommand(name, transactionId, [null, ...args], { messageStreamId: this.id }))
  }

  /** Sends a command and waits for the status that answers it. Resolves with its information object. */
  async ask(name: Asked, ...args: readonly AmfValue[]): Promise<AmfObject> {
    this.#check(name)
    // before the command is sent: a peer in this process may answer within the call
    const answer = this.#answers.wait(name, name)
    this.tell(name, ...args)
    return answer
  }

  #check(name: string): void {
    if (!isLegalOnStream(name, this.state))
      throw new TypeError(`${name} is not allowed on a message stream that is ${this.state}`)
  }

  /** Announces the buffer length in milliseconds (RTMP 1.0, 7.1.7). */
  setBufferLength(milliseconds: number): void {
    this.say(userControlMessage({ kind: 'SetBufferLength', messageStreamId: this.id, milliseconds }))
  }

  /** Whether the peer currently sends audio or video: it has sent some, and is not paused. */
  get isFed(): boolean {
    return this.#hasMedia && !this.#isPaused
  }

  /** Whether a command on it is unanswered. */
  get waits(): boolean {
    return this.#answers.size > 0
  }

  /**
   * The peer has sent media, so the play has begun, with or without a status. What nginx-rtmp sends before any
   * publisher is neither audio nor video.
   */
  begun(message?: Message): void {
    if (message !== undefined && (isAudio(message) || isVideo(message))) this.#hasMedia = true
    if (this.#answers.size > 0) this.#answers.settle('play', {})
  }

  /** Processes a status of this stream. */
  hear(code: Status, information: AmfObject): void {
    if (code === 'NetStream.Pause.Notify') this.#isPaused = true
    if (code === 'NetStream.Unpause.Notify') this.#isPaused = false
    const asked = answeredBy[code]
    if (asked !== undefined) this.#answers.settle(asked, information)
  }

  /** Rejects the unanswered command; false if there is none. */
  refuse(reason: Error): boolean {
    const wasAsked = this.#answers.size > 0
    this.#answers.abandon(reason)
    return wasAsked
  }
}

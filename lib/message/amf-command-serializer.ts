import { Stage } from '../stream/stage.ts'
import { type Command, commandMessage, isCommand } from './command.ts'
import type { Message } from './message.ts'

/**
 * Commands become messages; every Message passes unchanged. An unchanged Command leaves with the bytes it arrived with.
 * A Command that AMF0 cannot encode ends it with a TypeError: see Amf0Writer.
 */
export class AmfCommandSerializer extends Stage<Message | Command, Message> {
  constructor() {
    super({ layer: 'message' })
  }

  protected override turn(item: Message | Command): void {
    this.push(isCommand(item) ? commandMessage(item) : item)
  }
}

/**
 * An AmfCommandSerializer: Commands to Messages, Messages unchanged. It ends with a TypeError or RangeError for a value
 * that AMF cannot encode.
 */
export const amfCommandSerializer = (): AmfCommandSerializer => new AmfCommandSerializer()
